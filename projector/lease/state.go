package lease

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"humpty/internal/wait"
	"humpty/projector/report"
	"humpty/sinks"
)

// State is the lease as status shows it.
type State struct {
	Lease   sinks.Lease   `json:"lease"`
	Held    bool          `json:"held"` // neither released nor over, as far as is known: who wants it watches it
	Left    time.Duration `json:"-"`    // until it is over, at most
	Damaged string        `json:"damaged,omitempty"`

	Activity *report.Activity `json:"doing,omitempty"` // what its holder said last that it does, some seconds ago; nil: nothing
}

// Read returns the lease of a target; nil where it keeps none. It goes by what the lease says of
// its end where that can be: an end that is further away than any lease's is by another clock, or
// forged, and then the lease is watched for the time of two renewals.
func Read(ctx context.Context, target sinks.Target) (*State, error) {
	leases, ok := target.(sinks.Leases)
	if !ok {
		return nil, nil
	}
	lease, err := leases.Holder(ctx)
	var damaged *sinks.DamagedLease
	switch {
	case errors.As(err, &damaged):
		return &State{Held: true, Left: Duration, Damaged: damaged.Error()}, nil
	case err != nil:
		return nil, fmt.Errorf("read the lease: %w", err)
	}
	left := time.Until(lease.Expires)
	if left > Duration {
		var lives bool
		if lease, lives, err = isRenewed(ctx, leases, lease); err != nil {
			return nil, fmt.Errorf("read the lease: %w", err)
		}
		if left = Duration; !lives {
			left = 0
		}
	}
	return newState(lease, left), nil
}

func newState(lease sinks.Lease, left time.Duration) *State {
	state := &State{Lease: lease, Held: left > 0, Left: max(left, 0)}
	if lease.Doing != "" {
		state.Activity = new(report.Activity)
		if err := json.Unmarshal([]byte(lease.Doing), state.Activity); err != nil { // another version's: news, and nobody's decision
			state.Activity = nil
		}
		state.Lease.Doing = ""
	}
	return state
}

// isRenewed watches a lease for the time of two renewals, and returns it as it is then.
func isRenewed(ctx context.Context, leases sinks.Leases, lease sinks.Lease) (_ sinks.Lease, renewed bool, err error) {
	var w watch
	for still := time.Duration(0); !lease.Free() && still < 2*renewEvery; {
		if renewed, still = w.look(lease); renewed {
			break
		}
		if err := wait.For(ctx, lookEvery); err != nil {
			return lease, false, err
		}
		if lease, err = leases.Holder(ctx); err != nil {
			return lease, false, err
		}
	}
	return lease, renewed, nil
}
