package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/sinks"
)

// leaseTime is how long a lease lasts without being renewed: a run that died blocks the
// next one for this long. It is renewed three times in it.
const leaseTime = 60 * time.Second

// toldEvery is how old what the lease says of a run may be.
const toldEvery = 5 * time.Second

// underLease does work while holding the projection's lease. When the lease is lost the
// context of the work ends with the reason, and so does the run.
func underLease(ctx context.Context, target sinks.Target, owner sinks.Owner, work func(context.Context, sinks.Lease) error) error {
	return leased(ctx, target, owner, leaseTime, nil, work)
}

// leased also says how long the target may be away before the lease counts as lost. It may
// be longer than the lease: while nobody can renew it, nobody can take it. Others read in the
// lease what is done.
func leased(ctx context.Context, target sinks.Target, owner sinks.Owner, patience time.Duration, told *doing, work func(context.Context, sinks.Lease) error) error {
	leases, ok := target.(sinks.Leases)
	if !ok {
		return work(ctx, sinks.Lease{})
	}
	lease, err := leases.Acquire(ctx, owner, leaseTime)
	if err != nil {
		return refuseHeld(err)
	}
	crashpoint.At("lease taken")
	latest := lease
	done := make(chan struct{})
	group, working := errgroup.WithContext(ctx)
	group.Go(func() (err error) {
		latest, err = renew(working, leases, lease, patience, told, done)
		return err
	})
	group.Go(func() error {
		defer close(done)
		if err := thawLeft(working, target); err != nil {
			return err
		}
		return work(working, lease)
	})
	err = group.Wait()

	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), afterwards)
	defer cancel()
	latest.Doing = told.told()
	if releaseErr := leases.Release(ctx, latest); releaseErr != nil {
		err = errors.Join(err, fmt.Errorf("release the lease: %w", releaseErr))
	}
	crashpoint.At("lease released")
	return err
}

// renew prolongs the lease until done and returns it as it is then; it fails when
// somebody else took it, or when it could not be renewed for as long as patience.
func renew(ctx context.Context, leases sinks.Leases, lease sinks.Lease, patience time.Duration, told *doing, done <-chan struct{}) (sinks.Lease, error) {
	every := leaseTime / 3
	if told != nil {
		every = toldEvery
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
		lease.Doing = told.told()
		renewed, err := leases.Renew(ctx, lease, leaseTime)
		var held *sinks.Held
		switch {
		case err == nil:
			lease, last = renewed, time.Now()
		case errors.As(err, &held):
			return lease, fmt.Errorf("the lease on the projection is lost: %w", err)
		case ctx.Err() == nil && time.Since(last) > patience:
			return lease, &Outage{Server: "target", Lasted: time.Since(last), Err: fmt.Errorf("the lease on the projection is lost: %w", err)}
		}
	}
}

// stillOurs refuses to swap when somebody took the lease while the target was away from us.
func (n *run) stillOurs(ctx context.Context) error {
	leases, ok := n.Target.(sinks.Leases)
	if !ok {
		return nil
	}
	now, err := leases.Holder(ctx)
	if err != nil {
		return fmt.Errorf("read the lease: %w", err)
	}
	if now.Fence != n.fence {
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
