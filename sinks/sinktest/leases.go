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

// take takes the lease as it is now.
func take(t *testing.T, l sinks.Leases, owner sinks.Owner) sinks.Lease {
	t.Helper()
	seen, err := l.Holder(t.Context())
	must(t, err)
	taken, err := l.Take(t.Context(), seen, owner, time.Minute)
	must(t, err)
	if taken.Owner != owner || taken.Fence != seen.Fence+1 || taken.Epoch != seen.Epoch || taken.Free() || taken.Since.IsZero() {
		t.Errorf("%+v was taken after %+v", taken, seen)
	}
	return taken
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
	first := take(t, mine, owner(1))
	var held *sinks.Held
	if _, err := theirs.Take(ctx, sinks.Lease{}, owner(2), time.Minute); !errors.As(err, &held) || held.Lease.Owner != owner(1) {
		t.Fatalf("a lease that was taken since can be had: %v", err)
	}
	seen, err := theirs.Holder(ctx)
	must(t, err)
	first.Epoch = 7
	first, err = mine.Renew(ctx, first, time.Minute)
	must(t, err)
	if first.Token == seen.Token {
		t.Error("a renewal does not change the token")
	}
	if _, err := theirs.Take(ctx, seen, owner(2), time.Minute); !errors.As(err, &held) || held.Lease.Owner != owner(1) {
		t.Fatalf("a lease that was renewed since can be had: %v", err)
	}
	again := take(t, mine, owner(1))
	if again.Fence <= first.Fence || again.Epoch != 7 {
		t.Errorf("taken again by its owner: %+v after %+v", again, first)
	}
	if _, err = mine.Renew(ctx, first, time.Minute); !errors.As(err, &held) {
		t.Errorf("a lease with an old fence can be renewed: %v", err)
	}
	must(t, mine.Release(ctx, again))
	if l, err := theirs.Holder(ctx); err != nil || !l.Free() || l.Fence != again.Fence || l.Epoch != 7 {
		t.Errorf("the lease after its release: %+v, %v", l, err)
	}
	takeover(t, mine, theirs, again)
}

// takeover takes a lease from an owner that does not renew it.
func takeover(t *testing.T, mine, theirs sinks.Leases, before sinks.Lease) {
	t.Helper()
	ctx := t.Context()
	late := take(t, mine, owner(1))
	next := take(t, theirs, owner(2))
	if late.Fence <= before.Fence || next.Fence <= late.Fence {
		t.Errorf("fences %d, %d, %d do not grow", before.Fence, late.Fence, next.Fence)
	}
	var held *sinks.Held
	if _, err := mine.Renew(ctx, late, time.Minute); !errors.As(err, &held) || held.Lease.Owner != owner(2) {
		t.Errorf("a lease that was taken over can be renewed: %v", err)
	}
	must(t, mine.Release(ctx, late)) // is not theirs to end
	if l, err := mine.Holder(ctx); err != nil || l.Owner != owner(2) || l.Free() {
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
			_, err := l.Take(t.Context(), sinks.Lease{}, owner(n), time.Minute)
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
