package projector

import (
	"context"
	"time"

	"humpty/projector/pace"
	"humpty/sinks"
)

// paced writes what was read since a moment, when the target bears it: within the limits on
// bytes, and on the requests at once.
func (c *catcher) paced(ctx context.Context, docs []sinks.Document, since time.Time, write func() (sinks.Receipt, error)) (sinks.Receipt, error) {
	if err := c.rate.Wait(ctx, sizeOf(docs)); err != nil {
		return sinks.Receipt{}, err
	}
	if c.pace == nil {
		return write()
	}
	allowed, err := c.pace.Admit(ctx)
	if err != nil {
		return sinks.Receipt{}, err
	}
	reading := time.Since(since)
	receipt, err := write()
	c.pace.Done(receipt, reading, allowed)
	return receipt, err
}

func sizeOf(docs []sinks.Document) int {
	n := 0
	for i := range docs {
		n += len(docs[i].Body)
	}
	return n
}

// brakeCatchUp watches from the first round to the end of the run: marks are caught up with
// in the verification, before the swap and behind it too.
func (n *run) brakeCatchUp(c *catcher) {
	c.pace = pace.NewCatchUp(laneCount, n.candidate.Index)
	if b := pace.NewBrake(n.Target, n.Projection.Limits.Brake, c.pace, n.rate, func(string) {}); b != nil { // the load has said what there is to say
		n.background(func(ctx context.Context) error { b.Watch(ctx); return nil })
	}
}

// pace is how the run found its pace, in all phases.
func (n *run) pace() []pace.Decision {
	if n.catcher == nil || n.catcher.pace == nil {
		return n.record.Pace
	}
	return append(n.record.Pace, n.catcher.pace.Decisions()...)
}
