package sinks

import (
	"context"
	"time"
)

// ErrWritesLost is in the error of a Seal, or of a DurabilityChecker, that found that servers died since the
// generation was made, so that writes which they had confirmed may be undone. Who means to
// compare every document with its source notes Meta.SuspectLoss, and seals again.
type ErrWritesLost struct{}

func (*ErrWritesLost) Error() string { return "documents that it had acknowledged may be gone" }

// DurabilityChecker is what an Index can do beside: say, before it is sealed, whether it may have lost
// what it confirmed. It is asked at the end of each phase that writes.
type DurabilityChecker interface {
	// CheckDurability is an error with an ErrWritesLost if a server died since the generation was made; nil if
	// none did, or if Meta.SuspectLoss says that it is known.
	CheckDurability(ctx context.Context) error
}

// LoadProbe is what a Target can do beside: say how the cluster bears a load. Both are cheap
// enough to be asked several times a second while the load runs.
type LoadProbe interface {
	// SearchLatency times one cheap search through the alias, from the call to the answer; 0 if
	// the alias serves nothing. A search that the cluster refuses because it is full, or
	// does not answer in time, has a latency too: the longest.
	SearchLatency(ctx context.Context) (time.Duration, error)

	// IndexingPressure is how much of what a node may hold of writes under way is taken, 0 to 1,
	// on the node where that is most.
	IndexingPressure(ctx context.Context) (float64, error)
}

// Outages is what a Target can do beside: tell an outage from a fault.
type Outages interface {
	// IsUnavailable reports whether err, which the target or an index of it gave, means that the
	// servers did not answer or forgot what they were asked before, so that the same
	// work may be done when they are back.
	IsUnavailable(err error) bool
}

// ThrottleCounter is what an Index can do beside: say at once that the target is full. The receipt
// of a Write says so too, but only when it has its verdicts, and that takes long where the
// target is full.
type ThrottleCounter interface {
	// ThrottledTotal counts the requests of this process that the target refused for being full,
	// as a whole or in part, with those that are still tried. It is cheap.
	ThrottledTotal() int64
}

// Degraded begins what sinks.Index.Seal reports of something that it has given up waiting for.
const Degraded = "no longer: "
