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
// next one for this long, from when that first looks.
const Duration = 60 * time.Second

// renewEvery is how often a lease is renewed. So another process sees within this that its owner
// lives, and what it says of its run is not older.
const renewEvery = 5 * time.Second

// longestActivity is the most that a lease says of what its run does.
const longestActivity = 32 << 10

// Hold is what a lease is held for, and how.
type Hold struct {
	Target sinks.Target
	Owner  sinks.Owner

	// Patience is how long the target may be away before the lease counts as lost; as long
	// as the lease lasts if it is shorter. It may be longer than the lease: while nobody can
	// renew it, nobody can take it.
	Patience time.Duration
	Activity func() string                   // what others read in the lease; nil: nothing
	Waiting  func(why string)                // told while the lease of another is watched; may be nil
	Before   func(ctx context.Context) error // done first; may be nil
}

// Do does work while holding the projection's lease. When the lease is lost the context of
// the work ends with the reason, and so does the work.
func (h *Hold) Do(ctx context.Context, work func(context.Context, sinks.Lease) error) error {
	leases, ok := h.Target.(sinks.Leases)
	if !ok {
		return work(ctx, sinks.Lease{})
	}
	lease, err := h.acquire(ctx, leases)
	if err != nil {
		return refuse(err)
	}
	return h.hold(ctx, leases, lease, work)
}

// hold does work while the lease, which was taken, is renewed.
func (h *Hold) hold(ctx context.Context, leases sinks.Leases, lease sinks.Lease, work func(context.Context, sinks.Lease) error) error {
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
	err := group.Wait()

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
// another process took it, when it is damaged, or when it could not be renewed for as long as
// patience.
func (h *Hold) renew(ctx context.Context, leases sinks.Leases, lease sinks.Lease, done <-chan struct{}) (sinks.Lease, error) {
	tick := time.NewTicker(renewEvery)
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
		var damaged *sinks.DamagedLease
		switch {
		case err == nil:
			lease, last = renewed, time.Now()
		case errors.As(err, &held), errors.As(err, &damaged):
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
	text := h.Activity()
	if len(text) > longestActivity {
		return ""
	}
	return text
}

// Check refuses when another process took the lease while the target was away from us.
func Check(ctx context.Context, target sinks.Target, held sinks.Lease) error {
	leases, ok := target.(sinks.Leases)
	if !ok {
		return nil
	}
	now, err := leases.Holder(ctx)
	if err != nil {
		return refuse(fmt.Errorf("read the lease: %w", err))
	}
	if now.Fence != held.Fence || now.Owner != held.Owner {
		return refuse(&sinks.Held{Lease: now})
	}
	return nil
}

func refuse(err error) error {
	var held *sinks.Held
	var damaged *sinks.DamagedLease
	switch {
	case errors.As(err, &held):
		return &problem.Refusal{
			Why:    held.Error(),
			Remedy: "wait for it, or end that process: the lease of a dead one is taken over when it has not changed for " + Duration.String(),
			Err:    err,
		}
	case errors.As(err, &damaged):
		return &problem.Refusal{Why: damaged.Error(), Remedy: "look who works on it; this breaks it: humpty unlock", Err: err}
	}
	return fmt.Errorf("take the lease: %w", err)
}
