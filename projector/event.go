package projector

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

// Event is what an observer of a run is told. Events come one at a time, in order,
// from goroutines of the run; the observer must return quickly.
type Event struct {
	Kind  EventKind `json:"type"`
	At    time.Time `json:"at"`
	Phase Phase     `json:"phase"`
	Text  string    `json:"text,omitempty"` // started: what will be done; notice, waiting: the message; progress of a load: how it paces its requests, and why

	Done      int64 `json:"done,omitempty"`      // progress: documents so far in this phase
	Total     int64 `json:"total,omitempty"`     // progress: estimate; 0: not known
	Bytes     int64 `json:"bytes,omitempty"`     // progress: bytes of documents so far
	Rejected  int64 `json:"rejected,omitempty"`  // load: documents refused for good so far
	Throttled int64 `json:"throttled,omitempty"` // load: how often the target said it is full
	Requests  int   `json:"requests,omitempty"`  // load: bulk requests allowed in flight now

	Lag     *Lag          `json:"lag,omitempty"`    // lag
	Elapsed time.Duration `json:"-"`                // ended: of the phase
	Failed  string        `json:"failed,omitempty"` // ended: why, if it failed
}

// EventKind says what an Event tells.
type EventKind string

// The kinds of events.
const (
	Started  EventKind = "started"  // a phase began
	Progress EventKind = "progress" // counts of the running phase
	Waiting  EventKind = "waiting"  // what the phase waits for
	Notice   EventKind = "notice"   // something the user should read
	Ended    EventKind = "ended"    // the phase is over
)
