package write

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/projector/pace"
	"humpty/sinks"
)

// TestThrottleKeepsToThePace: what is caught up with waits for a slot as a load's requests do.
func TestThrottleKeepsToThePace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const workers = 4
		c := &Throttle{Pace: pace.NewCatchUp(workers, nil)}
		c.Pace.Restrain(1, "by the test")
		var flying, most atomic.Int64
		var group errgroup.Group
		for range workers {
			group.Go(func() error {
				_, err := c.Do(t.Context(), nil, time.Now(), func() (sinks.Receipt, error) {
					most.Store(max(most.Load(), flying.Add(1)))
					<-time.After(time.Second)
					flying.Add(-1)
					return sinks.Receipt{}, nil
				})
				return err
			})
		}
		if err := group.Wait(); err != nil || most.Load() != 1 {
			t.Errorf("%v, %d writes at once, want 1", err, most.Load())
		}
		if !c.Pace.Idle() {
			t.Error("a slot was not given back")
		}
	})
}
