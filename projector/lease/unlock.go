package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/problem"
	"humpty/sinks"
)

// Broken is a lease that Unlock breaks, as it was seen before.
type Broken struct {
	Lease   sinks.Lease   `json:"lease"`
	Damaged string        `json:"damaged,omitempty"` // why it is none
	Renewed bool          `json:"renewed"`           // it changed while it was watched: its owner lives
	Watched time.Duration `json:"-"`                 // for how long it did not change
}

// Inspect watches the lease of a target for the time of two renewals; nil if it is free, or if the
// target keeps none.
func Inspect(ctx context.Context, target sinks.Target) (*Broken, error) {
	leases, ok := target.(sinks.Leases)
	if !ok {
		return nil, nil
	}
	began := time.Now()
	lease, err := leases.Holder(ctx)
	var renewed bool
	if err == nil {
		lease, renewed, err = isRenewed(ctx, leases, lease)
	}
	var damaged *sinks.DamagedLease
	switch {
	case errors.As(err, &damaged):
		return &Broken{Lease: damaged.Seen, Damaged: damaged.Error()}, nil
	case err != nil:
		return nil, fmt.Errorf("read the lease: %w", err)
	case lease.Free():
		return nil, nil
	}
	lease.Doing = "" // of another version, perhaps
	return &Broken{Lease: lease, Renewed: renewed, Watched: time.Since(began)}, nil
}

// Break takes the lease from the owner that was seen, whether it lives or not, does what h does
// Before, and gives it back. It refuses if another owner has it now. epoch is the largest of a
// generation: after a damaged lease the numbers begin behind it.
func (h *Hold) Break(ctx context.Context, was *Broken, epoch int64) error {
	leases, ok := h.Target.(sinks.Leases)
	if !ok {
		return nil
	}
	for {
		now, err := leases.Holder(ctx)
		var damaged *sinks.DamagedLease
		switch {
		case errors.As(err, &damaged):
			if was.Damaged == "" {
				return refuse(damaged)
			}
			now = damaged.Seen
			now.Fence = max(now.Fence, epoch)
		case err != nil:
			return fmt.Errorf("read the lease: %w", err)
		case was.Damaged != "" || now.Fence != was.Lease.Fence || now.Owner != was.Lease.Owner:
			return &problem.Refusal{Why: "the lease is not the one that was to be broken any more", Remedy: "look at it again: humpty status"}
		}
		taken, err := leases.Take(ctx, now, h.Owner, Duration)
		var held *sinks.Held
		switch {
		case errors.As(err, &held):
			continue // renewed in between, or taken: look again
		case err != nil:
			return fmt.Errorf("take the lease: %w", err)
		}
		return h.hold(ctx, leases, taken, func(context.Context, sinks.Lease) error { return nil })
	}
}
