package sinks

import (
	"context"
	"time"
)

// Attempts is what an Index can do beside: say what is still under way in the target. A
// bulk goes on there after its client gave up or died.
type Attempts interface {
	// InFlight counts the requests of humpty's, of any run, that the target works on for
	// this index now. What a proxy still holds is not seen.
	InFlight(ctx context.Context) (int, error)
}

// Doubt is in the error of a Seal, or of a Witness, that found that servers died since the
// generation was made, so that writes which they had confirmed may be undone. Who means to
// compare every document with its source notes Meta.Doubted, and seals again.
type Doubt struct{}

func (*Doubt) Error() string { return "documents that it had acknowledged may be gone" }

// Witness is what an Index can do beside: say, before it is sealed, whether it may have lost
// what it confirmed. It is asked at the end of each phase that writes.
type Witness interface {
	// Intact is an error with a Doubt if a server died since the generation was made; nil if
	// none did, or if Meta.Doubted says that it is known.
	Intact(ctx context.Context) error
}

// Gauge is what a Target can do beside: say how the cluster bears a load. Both are cheap
// enough to be asked several times a second while the load runs.
type Gauge interface {
	// Latency times one cheap search through the alias, from the call to the answer; 0 if
	// the alias serves nothing. A search that the cluster refuses because it is full, or
	// does not answer in time, has a latency too: the longest.
	Latency(ctx context.Context) (time.Duration, error)

	// Pressure is how much of what a node may hold of writes under way is taken, 0 to 1,
	// on the node where that is most.
	Pressure(ctx context.Context) (float64, error)
}

// Outages is what a Target can do beside: tell an outage from a fault.
type Outages interface {
	// Away reports whether err, which the target or an index of it gave, means that the
	// servers did not answer or forgot what they were asked before, so that the same
	// work may be done when they are back.
	Away(err error) bool
}

// Refusals is what an Index can do beside: say at once that the target is full. The receipt
// of a Write says so too, but only when it has its verdicts, and that takes long where the
// target is full.
type Refusals interface {
	// Refused counts the requests of this process that the target refused for being full,
	// as a whole or in part, with those that are still tried. It is cheap.
	Refused() int64
}

// NoLonger begins what sinks.Index.Seal reports of something that it has given up waiting for.
const NoLonger = "no longer: "
