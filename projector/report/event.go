// Package report is what a run tells on its way: phases that begin and end, counts, what
// is waited for.
package report

import "time"

// Phase of a run, in order.
type Phase string

// The phases of a rebuild.
const (
	PhasePlan    Phase = "plan"
	PhaseCreate  Phase = "create"
	PhaseCapture Phase = "capture"
	PhaseLoad    Phase = "load"
	PhaseCatchUp Phase = "catch-up"
	PhaseSeal    Phase = "seal"
	PhaseVerify  Phase = "verify"
	PhaseSwap    Phase = "swap"
)

// The phases of what is done to a generation that is there.
const (
	PhaseFollow  Phase = "follow"  // a Follow's only one
	PhaseRepair  Phase = "repair"  // differing documents are written
	PhaseRestore Phase = "restore" // a snapshot is brought back
	PhaseReplay  Phase = "replay"  // what topics have behind its positions is read and written
)

// Event is what an observer of a run is told. Events come one at a time, in order,
// from goroutines of the run; the observer must return quickly.
type Event struct {
	Kind  Kind      `json:"type"`
	At    time.Time `json:"at"`
	Phase Phase     `json:"phase"`
	Text  string    `json:"text,omitempty"` // started: what will be done; notice, waiting: the message; progress of a load: how it paces its requests, and why

	Done      int64 `json:"done,omitempty"`      // progress: documents so far in this phase
	Earlier   int64 `json:"earlier,omitempty"`   // progress: of these, by processes of the run that ended
	Total     int64 `json:"total,omitempty"`     // progress: estimate; 0: not known
	Bytes     int64 `json:"bytes,omitempty"`     // progress: bytes of documents so far
	Rejected  int64 `json:"rejected,omitempty"`  // load: documents refused for good so far
	Throttled int64 `json:"throttled,omitempty"` // load: how often the target said it is full
	Requests  int   `json:"requests,omitempty"`  // load: bulk requests allowed in flight now

	ETA     *ETA          `json:"eta,omitempty"`    // until the alias serves; nil where that is not what is done
	Lag     *Lag          `json:"lag,omitempty"`    // lag
	Elapsed time.Duration `json:"-"`                // ended: of the phase
	Failed  string        `json:"failed,omitempty"` // ended: why, if it failed
	Answer  string        `json:"answer,omitempty"` // ended: what came out, where it did its work and the answer is no; then Failed is there, too
}

// Kind says what an Event tells.
type Kind string

// The kinds of events.
const (
	Started  Kind = "started"  // a phase began
	Progress Kind = "progress" // counts of the running phase
	Waiting  Kind = "waiting"  // what the phase waits for
	Notice   Kind = "notice"   // something the user should read
	Ended    Kind = "ended"    // the phase is over
	Lagging  Kind = "lag"      // how far behind the present a live run is, about once a second
)

// Lag is how far behind the present a live run is.
type Lag struct {
	Generation string  `json:"generation"`
	Behind     int64   `json:"behind"`          // bytes of the source's log that were not read yet
	Held       int64   `json:"held"`            // bytes of its log that the source keeps for this run
	Backlog    int     `json:"backlog"`         // marks that are due; counted up to 100,000
	Rate       float64 `json:"rate"`            // documents read again a second, since the last event
	Refused    int64   `json:"refused"`         // documents that source or target refuse now
	Poison     int64   `json:"poison"`          // events that could not be read or applied
	Ended      bool    `json:"ended,omitempty"` // it is not followed any more, as it was to be
	Aside      string  `json:"aside,omitempty"` // why the projection is not kept up to date now; the numbers are those of before
}
