package sinktest

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/sinks"
)

func owner(n int) sinks.Owner {
	return sinks.Owner{Run: fmt.Sprintf("run-%d", n), Host: "host", PID: n, User: "me", Verb: "rebuild"}
}

func leases(t *testing.T, u Harness) {
	target, alias := u.Target(t)
	mine, ok := target.(sinks.Leases)
	if !ok {
		t.Skip("has no leases")
	}
	theirs := u.Another(t, alias).(sinks.Leases) //nolint:errcheck // the same type
	ctx := t.Context()
	if l, err := mine.Holder(ctx); err != nil || l != (sinks.Lease{}) {
		t.Fatalf("the lease that never was: %+v, %v", l, err)
	}
	first, err := mine.Acquire(ctx, owner(1), time.Minute)
	must(t, err)
	_, err = theirs.Acquire(ctx, owner(2), time.Minute)
	var held *sinks.Held
	if !errors.As(err, &held) || held.Lease.Owner != owner(1) {
		t.Fatalf("a lease that is held can be had: %v", err)
	}
	first.Epoch = 7
	first, err = mine.Renew(ctx, first, time.Minute)
	must(t, err)
	again, err := mine.Acquire(ctx, owner(1), time.Minute)
	must(t, err)
	if again.Fence <= first.Fence || again.Epoch != 7 {
		t.Errorf("acquired again by its owner: %+v after %+v", again, first)
	}
	if _, err = mine.Renew(ctx, first, time.Minute); !errors.As(err, &held) {
		t.Errorf("a lease with an old fence can be renewed: %v", err)
	}
	heir := owner(1) // the run goes on in another process: what it left is its own
	heir.PID++
	inherited, err := theirs.Acquire(ctx, heir, time.Minute)
	must(t, err)
	if _, err = mine.Renew(ctx, again, time.Minute); !errors.As(err, &held) || held.Lease.Owner != heir {
		t.Errorf("a lease that another process of the run took over can be renewed: %v", err)
	}
	if again, err = mine.Acquire(ctx, owner(1), time.Minute); err != nil || again.Fence <= inherited.Fence {
		t.Errorf("taken over within the run: %+v, %v", again, err)
	}
	must(t, mine.Release(ctx, again))
	if l, err := theirs.Holder(ctx); err != nil || !l.Expires.IsZero() || l.Fence != again.Fence || l.Epoch != 7 {
		t.Errorf("the lease after its release: %+v, %v", l, err)
	}
	takeover(t, mine, theirs, again)
}

// takeover lets a lease expire: a negative time is over at once.
func takeover(t *testing.T, mine, theirs sinks.Leases, before sinks.Lease) {
	t.Helper()
	ctx := t.Context()
	late, err := mine.Acquire(ctx, owner(1), -time.Second)
	must(t, err)
	next, err := theirs.Acquire(ctx, owner(2), time.Minute)
	must(t, err)
	if late.Fence <= before.Fence || next.Fence <= late.Fence {
		t.Errorf("fences %d, %d, %d do not grow", before.Fence, late.Fence, next.Fence)
	}
	var held *sinks.Held
	if _, err := mine.Renew(ctx, late, time.Minute); !errors.As(err, &held) || held.Lease.Owner != owner(2) {
		t.Errorf("a lease that was taken over can be renewed: %v", err)
	}
	must(t, mine.Release(ctx, late)) // is not theirs to end
	if l, err := mine.Holder(ctx); err != nil || l.Owner != owner(2) || l.Expires.IsZero() {
		t.Errorf("the release of a lost lease has changed it: %+v, %v", l, err)
	}
}

// leaseRace lets many want it at once: one has it.
func leaseRace(t *testing.T, u Harness) {
	target, alias := u.Target(t)
	if _, ok := target.(sinks.Leases); !ok {
		t.Skip("has no leases")
	}
	var mu sync.Mutex
	won := 0
	var group errgroup.Group
	for n := range 8 {
		l := u.Another(t, alias).(sinks.Leases) //nolint:errcheck // as above
		group.Go(func() error {
			_, err := l.Acquire(t.Context(), owner(n), time.Minute)
			var held *sinks.Held
			if errors.As(err, &held) {
				return nil
			}
			mu.Lock()
			defer mu.Unlock()
			won++
			return err
		})
	}
	must(t, group.Wait())
	if won != 1 {
		t.Errorf("%d of 8 have the lease, want 1", won)
	}
}
