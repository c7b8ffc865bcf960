package lease

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"humpty/projector/report"
	"humpty/sinks"
)

// State is the lease as status shows it.
type State struct {
	Lease sinks.Lease   `json:"lease"`
	Held  bool          `json:"held"` // neither released nor expired
	Left  time.Duration `json:"-"`    // until it runs out

	Activity *report.Activity `json:"doing,omitempty"` // what its holder said last that it does, some seconds ago; nil: nothing
}

// Read returns the lease of a target; nil where it keeps none.
func Read(ctx context.Context, target sinks.Target) (*State, error) {
	leases, ok := target.(sinks.Leases)
	if !ok {
		return nil, nil
	}
	lease, err := leases.Holder(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the lease: %w", err)
	}
	left := time.Until(lease.Expires)
	state := &State{Lease: lease, Held: left > 0, Left: max(left, 0)}
	if lease.Doing != "" {
		state.Activity = new(report.Activity)
		if err := json.Unmarshal([]byte(lease.Doing), state.Activity); err != nil { // another version's: news, and nobody's decision
			state.Activity = nil
		}
		state.Lease.Doing = ""
	}
	return state, nil
}
