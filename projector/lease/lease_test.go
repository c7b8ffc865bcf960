package lease_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"humpty/internal/problem"
	"humpty/projector/lease"
	"humpty/sinks"
	"humpty/sinks/sinktest"
)

var (
	mine   = sinks.Owner{Run: "mine", Host: "desk", PID: 1, Verb: "rebuild"}
	theirs = sinks.Owner{Run: "theirs", Host: "laptop", PID: 7, User: "ann", Verb: "rebuild"}
)

// skewed is a target as a process sees it whose clock is off: what leases say of their ends is.
type skewed struct {
	*sinktest.MemoryTarget
	by time.Duration
}

func (s skewed) Holder(ctx context.Context) (sinks.Lease, error) {
	l, err := s.MemoryTarget.Holder(ctx)
	if !l.Free() {
		l.Expires = l.Expires.Add(s.by)
	}
	return l, err
}

func hold(t *testing.T, target sinks.Target, owner sinks.Owner) (taken sinks.Lease, err error) {
	t.Helper()
	h := lease.Hold{Target: target, Owner: owner}
	err = h.Do(t.Context(), func(_ context.Context, l sinks.Lease) error {
		taken = l
		return nil
	})
	return taken, err
}

// TestLeasesGoByWhatChanges: the lease of a living owner is refused as soon as it renews it, and
// that of a dead one is had after it has not changed for as long as one lasts, whatever the
// clocks say.
func TestLeasesGoByWhatChanges(t *testing.T) {
	t.Parallel()
	for _, by := range []time.Duration{0, 5 * time.Hour, -5 * time.Hour, 1e6 * time.Hour} {
		t.Run(by.String(), func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				memory := &sinktest.MemoryTarget{Name: "orders"}
				target := skewed{memory, by}
				memory.Steal(theirs)
				began := time.Now()
				_, err := hold(t, target, mine)
				var held *sinks.Held
				if !errors.As(err, &held) || held.Lease.Owner != theirs || time.Since(began) > 6*time.Second {
					t.Fatalf("of a living owner: %v after %s", err, time.Since(began))
				}
				seen, err := memory.Holder(t.Context())
				if err != nil {
					t.Fatal(err)
				}
				if _, err := memory.Take(t.Context(), seen, theirs, lease.Duration); err != nil { // and never renews it
					t.Fatal(err)
				}
				began = time.Now()
				taken, err := hold(t, target, mine)
				if took := time.Since(began); err != nil || taken.Owner != mine || took < lease.Duration || took > lease.Duration+2*time.Second {
					t.Fatalf("of a dead owner: %+v, %v after %s", taken, err, took)
				}
			})
		})
	}
}

// TestStateOfForgedEnds: a lease that says that it ends in 9999 is over for status too when nobody
// renews it, and none lasts longer than it can.
func TestStateOfForgedEnds(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		memory := &sinktest.MemoryTarget{Name: "orders"}
		target := skewed{memory, 5 * time.Hour}
		memory.Steal(theirs)
		state, err := lease.Read(t.Context(), target)
		if err != nil || !state.Held || state.Left > lease.Duration {
			t.Errorf("of a living owner: %+v, %v", state, err)
		}
		seen, _ := memory.Holder(t.Context())
		if _, err := memory.Take(t.Context(), seen, theirs, lease.Duration); err != nil {
			t.Fatal(err)
		}
		if state, err := lease.Read(t.Context(), target); err != nil || state.Held || state.Lease.Owner != theirs {
			t.Errorf("of a dead owner: %+v, %v", state, err)
		}
	})
}

// TestUnlock: an owner whose lease is broken stops at its next renewal, its lease is free, and the
// one that another took meanwhile is not broken.
func TestUnlock(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := &sinktest.MemoryTarget{Name: "orders"}
		broken := make(chan struct{})
		ended := make(chan error, 1)
		h := lease.Hold{Target: target, Owner: theirs}
		go func() {
			ended <- h.Do(t.Context(), func(ctx context.Context, _ sinks.Lease) error {
				<-ctx.Done()
				return context.Cause(ctx)
			})
		}()
		synctest.Wait()
		was, err := lease.Inspect(t.Context(), target)
		if err != nil || was == nil || was.Lease.Owner != theirs || !was.Renewed || was.Lease.Since.IsZero() {
			t.Fatalf("seen: %+v, %v", was, err)
		}
		breaker := lease.Hold{Target: target, Owner: sinks.Owner{Run: "unlock-1", Host: "desk", PID: 2, Verb: "unlock"}, Before: func(context.Context) error {
			close(broken)
			return nil
		}}
		if err := breaker.Break(t.Context(), was, 0); err != nil {
			t.Fatal(err)
		}
		<-broken
		now := time.Now()
		err = <-ended
		var held *sinks.Held
		if !errors.As(err, &held) || !strings.Contains(err.Error(), "lost") || !strings.Contains(err.Error(), "unlock") || time.Since(now) > 6*time.Second {
			t.Errorf("the owner ended with %v after %s", err, time.Since(now))
		}
		if l, err := target.Holder(t.Context()); err != nil || !l.Free() {
			t.Errorf("the lease is %+v, %v", l, err)
		}
		if none, err := lease.Inspect(t.Context(), target); err != nil || none != nil {
			t.Errorf("a free lease is %+v, %v", none, err)
		}
		target.Steal(mine)
		var refusal *problem.Refusal
		if err := breaker.Break(t.Context(), was, 0); !errors.As(err, &refusal) {
			t.Errorf("the lease of another was broken: %v", err)
		}
	})
}

// damagedTarget has something else where the lease is kept, until it is taken.
type damagedTarget struct {
	*sinktest.MemoryTarget
	mended bool
}

func (d *damagedTarget) Holder(ctx context.Context) (sinks.Lease, error) {
	l, err := d.MemoryTarget.Holder(ctx)
	if d.mended || err != nil {
		return l, err
	}
	return sinks.Lease{}, &sinks.DamagedLease{Where: "here", Why: "it names no run", Seen: sinks.Lease{Token: l.Token}}
}

func (d *damagedTarget) Take(ctx context.Context, seen sinks.Lease, owner sinks.Owner, ttl time.Duration) (sinks.Lease, error) {
	l, err := d.MemoryTarget.Take(ctx, seen, owner, ttl)
	d.mended = err == nil
	return l, err
}

// TestDamagedLease: what is no lease is said at once, with what to type, and unlock puts it right.
func TestDamagedLease(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := &damagedTarget{MemoryTarget: &sinktest.MemoryTarget{Name: "orders"}}
		began := time.Now()
		_, err := hold(t, target, mine)
		var refusal *problem.Refusal
		if !errors.As(err, &refusal) || !strings.Contains(refusal.Why, "it names no run") || !strings.Contains(refusal.Remedy, "humpty unlock") || time.Since(began) > 0 {
			t.Fatalf("%v after %s", err, time.Since(began))
		}
		state, err := lease.Read(t.Context(), target)
		if err != nil || state.Damaged == "" || !state.Held {
			t.Errorf("status: %+v, %v", state, err)
		}
		was, err := lease.Inspect(t.Context(), target)
		if err != nil || was.Damaged == "" {
			t.Fatalf("%+v, %v", was, err)
		}
		h := lease.Hold{Target: target, Owner: mine}
		if err := h.Break(t.Context(), was, 4); err != nil {
			t.Fatal(err)
		}
		if _, err := hold(t, target, theirs); err != nil {
			t.Errorf("after it: %v", err)
		}
	})
}

// TestLeaseIsKept: an owner that works for longer than a lease lasts keeps it, also against one
// that watches it.
func TestLeaseIsKept(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		target := &sinktest.MemoryTarget{Name: "orders"}
		h := lease.Hold{Target: target, Owner: theirs, Activity: func() string {
			text, _ := json.Marshal(map[string]string{"error": strings.Repeat("x", 1<<20)}) //nolint:errchkjson // a text
			return string(text)
		}}
		err := h.Do(t.Context(), func(ctx context.Context, _ sinks.Lease) error {
			for range 10 {
				if _, err := hold(t, target, mine); err == nil {
					return errors.New("another has the lease")
				}
			}
			l, err := target.Holder(ctx)
			if len(l.Doing) > 64<<10 {
				return errors.New("the lease is endless")
			}
			return err
		})
		if err != nil {
			t.Error(err)
		}
	})
}
