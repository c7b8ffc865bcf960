package projector

import (
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/projector/pace"
	"humpty/sinks"
)

// TestPacedKeepsToThePace: what is caught up with waits for a slot as a load's requests do.
func TestPacedKeepsToThePace(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := &catcher{pace: pace.NewCatchUp(laneCount, nil)}
		c.pace.Restrain(1, "by the test")
		var flying, most atomic.Int64
		var group errgroup.Group
		for range laneCount {
			group.Go(func() error {
				_, err := c.paced(t.Context(), nil, time.Now(), func() (sinks.Receipt, error) {
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
		if !c.pace.Idle() {
			t.Error("a slot was not given back")
		}
	})
}
