package bulk

import (
	"context"
	"errors"
	"slices"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/sinks/elastic/transport"
)

// TestRecoveryGate: who waits for the end of an outage is woken by the first answer, but never
// asks again at once.
func TestRecoveryGate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g recoveryGate
		began := time.Now()
		var group errgroup.Group
		for range 8 {
			group.Go(func() error { return g.wait(t.Context(), 3*time.Second) })
		}
		<-time.After(probeInterval / 2)
		g.answered()
		if err := group.Wait(); err != nil || time.Since(began) != probeInterval/2 {
			t.Errorf("%v: woken after %v, want %v", err, time.Since(began), probeInterval/2)
		}
		began = time.Now()
		group.Go(func() error { return g.wait(t.Context(), 3*time.Second) })
		synctest.Wait()
		g.answered()
		if err := group.Wait(); err != nil || time.Since(began) != transport.FirstWait {
			t.Errorf("%v: woken after %v, want %v", err, time.Since(began), transport.FirstWait)
		}
		ctx, cancel := context.WithTimeout(t.Context(), probeInterval/2)
		defer cancel()
		if err := g.wait(ctx, 3*time.Second); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%v, want the context's end", err)
		}
	})
}

// TestOneProbesDuringAnOutage: among many who wait, one asks each second, also when the one
// who did so leaves, and the others at their own pace.
func TestOneProbesDuringAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var g recoveryGate
		var group errgroup.Group
		var mu sync.Mutex
		var asked []time.Duration
		const away = 10 * time.Second
		began := time.Now()
		for range 16 {
			group.Go(func() error {
				for {
					if err := g.wait(t.Context(), 3*time.Second); err != nil {
						return err
					}
					mu.Lock()
					asked = append(asked, time.Since(began))
					mu.Unlock()
					if time.Since(began) >= away {
						g.answered()
						return nil
					}
				}
			})
		}
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		slices.Sort(asked)
		last := time.Duration(0)
		for _, at := range asked {
			if at-last > probeInterval {
				t.Errorf("nobody asked between %v and %v", last, at)
			}
			last = at
		}
		if most := 16*4 + 16; len(asked) > most || last > away+probeInterval {
			t.Errorf("asked %d times, the last time after %v; want at most %d", len(asked), last, most)
		}
	})
}
