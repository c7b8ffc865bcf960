package projector

import (
	"context"
	"fmt"
	"time"
)

// Lagging events tell how far behind the present a live run is, about once a second.
const Lagging EventKind = "lag"

// Lag is how far behind the present a live run is.
type Lag struct {
	Generation string  `json:"generation"`
	Behind     int64   `json:"behind"`  // bytes of the source's log that were not read yet
	Held       int64   `json:"held"`    // bytes of its log that the source keeps for this run
	Backlog    int     `json:"backlog"` // marks that are due; counted up to 100,000
	Rate       float64 `json:"rate"`    // documents read again a second, since the last event
}

const (
	lagEvery   = time.Second
	backlogMax = 100_000
)

// lag tells the observer until ctx ends. reread counts documents.
func (c *capture) lag(ctx context.Context, generation string, o *observer, reread func() int64) error {
	tick := time.NewTicker(lagEvery)
	defer tick.Stop()
	was, since := reread(), time.Now()
	for {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		behind, held, err := c.feed.Lag(ctx)
		if err != nil {
			return fmt.Errorf("ask how far the changes are behind: %w", err)
		}
		backlog, err := c.store.Backlog(backlogMax)
		if err != nil {
			return err
		}
		now, at := reread(), time.Now()
		o.tell(Event{Kind: Lagging, Lag: &Lag{
			Generation: generation, Behind: behind, Held: held, Backlog: backlog,
			Rate: float64(now-was) / at.Sub(since).Seconds(),
		}})
		was, since = now, at
	}
}
