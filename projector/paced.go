package projector

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"
	"humpty/projector/report"
	"humpty/sinks"
)

// paced writes what was read since a moment, when the target bears it: within the limits on
// bytes, and on the requests at once.
func (c *catcher) paced(ctx context.Context, docs []sinks.Document, since time.Time, write func() (sinks.Receipt, error)) (sinks.Receipt, error) {
	if err := c.rate.take(ctx, sizeOf(docs)); err != nil {
		return sinks.Receipt{}, err
	}
	if c.pace == nil {
		return write()
	}
	allowed, err := c.pace.admit(ctx)
	if err != nil {
		return sinks.Receipt{}, err
	}
	reading := time.Since(since)
	receipt, err := write()
	c.pace.done(receipt, reading, allowed)
	return receipt, err
}

func sizeOf(docs []sinks.Document) int {
	n := 0
	for i := range docs {
		n += len(docs[i].Body)
	}
	return n
}

// lanesPacer is that of a catcher: it begins with all lanes, since the load has shown that
// the target bears more, and takes some away where it no longer does.
func lanesPacer(index sinks.Index) *pacer {
	p := newPacer(laneCount, laneCount, 0)
	p.phase = report.PhaseCatchUp
	p.watch(index)
	return p
}

// watch lets the pacer see refusals of the index's at once, where they can be counted.
func (p *pacer) watch(index sinks.Index) {
	if r, ok := index.(sinks.ThrottleCounter); ok {
		p.count, p.counted = r.ThrottledTotal, r.ThrottledTotal()
	}
}

// brakeOf is what watches the target, nil if that cannot tell how it bears a load.
func brakeOf(target sinks.Target, limits Limits, pace *pacer, rate *throttle, notice func(string)) *brake {
	gauge, ok := target.(sinks.LoadProbe)
	if !ok {
		if len(limits.Brake) > 0 {
			notice("the load goes on without a brake: this target cannot say how it bears it")
		}
		return nil
	}
	return &brake{gauge: gauge, limits: limits.Brake, pace: pace, rate: rate, notice: notice}
}

// braked runs a load, and the brake beside it.
func (n *run) braked(ctx context.Context, pace *pacer, work func(context.Context) error) error {
	pace.phase = report.PhaseLoad
	pace.watch(n.index)
	b := brakeOf(n.Target, n.Projection.Limits, pace, n.rate, n.observer.notice)
	if b == nil {
		return work(ctx)
	}
	watching, stop := context.WithCancel(ctx)
	var beside errgroup.Group
	beside.Go(func() error { b.watch(watching); return nil })
	err := work(ctx)
	stop()
	_ = beside.Wait() // watch gives no error
	return err
}

// brakeCatchUp watches from the first round to the end of the run: marks are caught up with
// in the verification, before the swap and behind it too.
func (n *run) brakeCatchUp(c *catcher) {
	c.pace = lanesPacer(n.index)
	if b := brakeOf(n.Target, n.Projection.Limits, c.pace, n.rate, func(string) {}); b != nil { // the load has said what there is to say
		n.background(func(ctx context.Context) error { b.watch(ctx); return nil })
	}
}

// pace is how the run found its pace, in all phases.
func (n *run) pace() []Decision {
	if n.catcher == nil || n.catcher.pace == nil {
		return n.record.Pace
	}
	return append(n.record.Pace, n.catcher.pace.made()...)
}
