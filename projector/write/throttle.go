package write

import (
	"context"
	"time"

	"humpty/projector/pace"
	"humpty/sinks"
)

// Throttle holds what is written to the limits on bytes, and on the requests at once.
type Throttle struct {
	Limiter *pace.Limiter    // nil: none
	Pace    *pace.Controller // nil: as many requests at once as there are calls
}

// Do writes what was read since a moment, when the target bears it.
func (t *Throttle) Do(ctx context.Context, docs []sinks.Document, since time.Time, write func() (sinks.Receipt, error)) (sinks.Receipt, error) {
	if err := t.Limiter.Wait(ctx, size(docs)); err != nil {
		return sinks.Receipt{}, err
	}
	if t.Pace == nil {
		return write()
	}
	allowed, err := t.Pace.Admit(ctx)
	if err != nil {
		return sinks.Receipt{}, err
	}
	reading := time.Since(since)
	receipt, err := write()
	t.Pace.Done(receipt, reading, allowed)
	return receipt, err
}
