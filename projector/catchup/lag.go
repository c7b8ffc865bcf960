package catchup

import (
	"context"
	"fmt"
	"time"

	"humpty/projector/report"
)

const (
	lagEvery   = time.Second
	backlogMax = 100_000
)

// Lag tells the observer until ctx ends. reread counts documents; left, which may be nil, what
// could not be written.
func (c *Capture) Lag(ctx context.Context, generation string, o *report.Observer, reread func() int64, left func() (refused, poison int64)) error {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	was, since := reread(), time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		behind, held, err := c.stream.Lag(ctx)
		if err != nil {
			return fmt.Errorf("ask how far the changes are behind: %w", err)
		}
		backlog, err := c.store.Backlog(backlogMax)
		if err != nil {
			return err
		}
		now, at := reread(), time.Now()
		lag := report.Lag{
			Generation: generation, Behind: behind, Held: held, Backlog: backlog,
			Rate: float64(now-was) / at.Sub(since).Seconds(),
		}
		if left != nil {
			lag.Refused, lag.Poison = left()
		}
		o.Tell(report.Event{Kind: report.Lagging, Lag: &lag})
		was, since = now, at
	}
}
