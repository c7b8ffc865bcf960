package projector

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/checkpoint"
	"humpty/projector/ledger"
	"humpty/projector/pace"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// feed keeps one generation equal to its source, until ctx ends or something goes wrong.
func (f *Follow) feed(ctx context.Context, g sinks.Generation, o *report.Observer) (err error) {
	store, err := f.Open(g.Meta.Run)
	if err != nil {
		return fmt.Errorf("open the marks of run %s, which made %s: %w", g.Meta.Run, g.Name, err)
	}
	defer func() { err = errors.Join(err, store.Close()) }()
	feed, err := f.takeOver(ctx, store, g)
	if err != nil {
		return err
	}
	closing := func(close func(context.Context) error) {
		ctx, cancel := wait.ToCleanUp(ctx)
		defer cancel()
		err = errors.Join(err, close(ctx))
	}
	defer closing(feed.Close)
	view, err := open(ctx, captured(f.Source, feed), o)
	if err != nil {
		return err
	}
	defer closing(view.Close)
	reread, ok := view.(sources.Expander)
	if !ok {
		return errors.New("this source cannot read single documents again")
	}
	index, err := f.Target.Open(ctx, g.Name)
	if err != nil {
		return fmt.Errorf("open index %s: %w", g.Name, err)
	}
	c := &catcher{
		store: store, view: reread, index: index, base: g.Meta.Epoch << 40,
		ledger: ledger.NewBook(f.Projection.Limits.Rejections, nil),
		rate:   pace.NewLimiter(f.Projection.Limits.Rate), pace: pace.NewCatchUp(laneCount, index),
	}
	b := pace.NewBrake(f.Target, f.Projection.Limits.Brake, c.pace, c.rate, o.Notice)
	from := newCapture(feed, store)
	var documents atomic.Int64
	group, ctx := errgroup.WithContext(ctx)
	if b != nil {
		group.Go(func() error { b.Watch(ctx); return nil })
	}
	group.Go(func() error { return from.run(ctx) })
	group.Go(func() error { return from.lag(ctx, g.Name, o, documents.Load) })
	group.Go(func() error { return c.follow(ctx, from, f.Projection.Limits, &documents) })
	return group.Wait()
}

// takeOver goes on with the capture that a rebuild left, if nothing is missing.
func (f *Follow) takeOver(ctx context.Context, store *checkpoint.Store, g sinks.Generation) (sources.ChangeStream, error) {
	source, ok := f.Source.(sources.Capturer)
	if !ok {
		return nil, &problem.Refusal{Why: "this source cannot tell what changes", Remedy: "only tables with consistency: live can be followed"}
	}
	position, err := store.Position()
	if err != nil {
		return nil, err
	}
	swapped, err := store.Swapped()
	remedy := fmt.Sprintf("begin with one: humpty rebuild %s, with writer: follow", f.Projection.Name)
	switch {
	case err != nil:
		return nil, err
	case swapped:
		return nil, &problem.Refusal{Why: fmt.Sprintf("the application writes to %s (it was handed over): to follow would undo its writes", g.Name), Remedy: remedy}
	case position == "":
		return nil, &problem.Refusal{
			Why:    fmt.Sprintf("nothing is known here of the capture of run %s, which made %s: it had none, or another state folder", g.Meta.Run, g.Name),
			Remedy: "name the state folder of that run, or " + remedy,
		}
	}
	feed, err := source.Capture(ctx, g.Meta.Run, position)
	if err != nil {
		return nil, fmt.Errorf("go on with the capture of run %s: %w", g.Meta.Run, err)
	}
	return feed, nil
}

// follow does a round whenever something was marked, until ctx ends.
func (c *catcher) follow(ctx context.Context, from *capture, limits Limits, documents *atomic.Int64) error {
	late := wait.NewBackoff(fencePatience) // for changes that are not visible yet
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		select { // nothing to do before something is marked, or if something is left
		case <-from.grew:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		round, err := c.round(ctx)
		if err != nil {
			return err
		}
		documents.Add(round.Reread)
		sum, _ := c.ledger.Totals()
		switch poison := ledger.Poisoned(c.view); {
		case sum.Rejected > limits.Rejections:
			return c.ledger.TooMany(limits.Rejections)
		case poison > limits.Poison:
			return &ledger.TooMuchPoison{Poison: poison, Limit: limits.Poison}
		}
		if round.Left == 0 {
			late = wait.NewBackoff(fencePatience)
		} else {
			from.grown()
			if over, err := late.Wait(ctx); err != nil || over && round.Left == round.Marks {
				return errors.Join(err, c.unseen())
			}
		}
		timer.Reset(betweenRounds)
	}
}
