// Package lease sees to it that one process at a time changes what a projection has in its
// target: work is done while a lease is held, which is renewed and can be lost.
package lease

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/outage"
	"humpty/sinks"
)

// Duration is how long a lease lasts without being renewed: a run that died blocks the
// next one for this long. It is renewed three times in it.
const Duration = 60 * time.Second

// activityEvery is how old what the lease says of a run may be.
const activityEvery = 5 * time.Second

// Hold is what a lease is held for, and how.
type Hold struct {
	Target sinks.Target
	Owner  sinks.Owner

	// Patience is how long the target may be away before the lease counts as lost; as long
	// as the lease lasts if it is shorter. It may be longer than the lease: while nobody can
	// renew it, nobody can take it.
	Patience time.Duration
	Activity func() string                   // what others read in the lease; nil: nothing
	Before   func(ctx context.Context) error // done first; may be nil
}

// Do does work while holding the projection's lease. When the lease is lost the context of
// the work ends with the reason, and so does the work.
func (h *Hold) Do(ctx context.Context, work func(context.Context, sinks.Lease) error) error {
	leases, ok := h.Target.(sinks.Leases)
	if !ok {
		return work(ctx, sinks.Lease{})
	}
	lease, err := leases.Acquire(ctx, h.Owner, Duration)
	if err != nil {
		return refuseHeld(err)
	}
	crashpoint.At("lease taken")
	latest := lease
	done := make(chan struct{})
	group, working := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		latest, err = h.renew(working, leases, lease, done)
		return err
	})
	group.Go(func() error {
		defer close(done)
		if h.Before != nil {
			if err := h.Before(working); err != nil {
				return err
			}
		}
		return work(working, lease)
	})
	err = group.Wait()

	ctx, cancel := wait.ToCleanUp(ctx)
	defer cancel()
	latest.Doing = h.activityText()
	if releaseErr := leases.Release(ctx, latest); releaseErr != nil {
		err = errors.Join(err, fmt.Errorf("release the lease: %w", releaseErr))
	}
	crashpoint.At("lease released")
	return err
}

// renew prolongs the lease until done and returns it as it is then; it fails when
// somebody else took it, or when it could not be renewed for as long as patience.
func (h *Hold) renew(ctx context.Context, leases sinks.Leases, lease sinks.Lease, done <-chan struct{}) (sinks.Lease, error) {
	every := Duration / 3
	if h.Activity != nil {
		every = activityEvery
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	last := time.Now()
	for {
		select {
		case <-done:
			return lease, nil
		case <-ctx.Done():
			return lease, nil // the work says why
		case <-tick.C:
		}
		lease.Doing = h.activityText()
		renewed, err := leases.Renew(ctx, lease, Duration)
		var held *sinks.Held
		switch {
		case err == nil:
			lease, last = renewed, time.Now()
		case errors.As(err, &held):
			return lease, fmt.Errorf("the lease on the projection is lost: %w", err)
		case ctx.Err() == nil && time.Since(last) > max(h.Patience, Duration):
			return lease, &outage.Unavailable{Server: "target", Lasted: time.Since(last), Err: fmt.Errorf("the lease on the projection is lost: %w", err)}
		}
	}
}

func (h *Hold) activityText() string {
	if h.Activity == nil {
		return ""
	}
	return h.Activity()
}

// Check refuses when somebody took the lease while the target was away from us.
func Check(ctx context.Context, target sinks.Target, fence int64) error {
	leases, ok := target.(sinks.Leases)
	if !ok {
		return nil
	}
	now, err := leases.Holder(ctx)
	if err != nil {
		return fmt.Errorf("read the lease: %w", err)
	}
	if now.Fence != fence {
		return refuseHeld(&sinks.Held{Lease: now})
	}
	return nil
}

func refuseHeld(err error) error {
	var held *sinks.Held
	if !errors.As(err, &held) {
		return fmt.Errorf("take the lease: %w", err)
	}
	return &problem.Refusal{
		Why:    held.Error(),
		Remedy: "wait for it, or end that process; the lease of a dead one runs out by itself",
		Err:    err,
	}
}
