package follow

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/catchup"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// askedEvery is how often it is looked whether a command waits for a fence.
const askedEvery = 500 * time.Millisecond

var (
	errOver    = errors.New("its time is over")
	errReached = errors.New("all is written that was committed")
)

// keep feeds a generation that serves no more, until its time is over. What goes wrong with it is
// told, and holds up nothing else.
func (f *feeder) keep(ctx context.Context) {
	limited, cancel := ctx, context.CancelFunc(func() {})
	if !f.until.IsZero() {
		limited, cancel = context.WithDeadlineCause(ctx, f.until, errOver)
	}
	defer cancel()
	for {
		err := f.run(limited, func(string) { f.trouble = "" }, f.answer)
		var gap *sources.ErrChangesLost
		var fenced *sinks.Fenced
		switch {
		case ctx.Err() != nil:
			return
		case limited.Err() != nil:
			f.giveUp(ctx, "the time of keep.feed_previous is over")
			f.observer.Tell(report.Event{Kind: report.Lagging, Lag: &report.Lag{Generation: f.generation.Name, Ended: true}})
			return
		case errors.As(err, &gap):
			f.giveUp(ctx, problem.FirstLine(err))
			f.observer.Tell(report.Event{Kind: report.Lagging, Lag: &report.Lag{Generation: f.generation.Name, Aside: "not fed any more: " + problem.FirstLine(err)}})
			return
		case errors.As(err, &fenced): // another process feeds it
			f.observer.Notice(fmt.Sprintf("%s, which served before, is not fed from here: %v", f.generation.Name, err))
			return
		}
		if why := problem.FirstLine(err); why != f.trouble {
			f.trouble = why
			f.observer.Notice(fmt.Sprintf("%s, which served before, is not kept up to date: %s\n    it is tried again; what serves is not held up", f.generation.Name, err))
		}
		f.observer.Tell(report.Event{Kind: report.Lagging, Lag: &report.Lag{Generation: f.generation.Name, Aside: f.trouble}})
		if wait.For(limited, 2*f.every()) != nil && ctx.Err() != nil {
			return
		}
	}
}

// giveUp releases the capture of a generation that is fed no more.
func (f *feeder) giveUp(ctx context.Context, why string) {
	err := f.release(ctx)
	text := fmt.Sprintf("%s, which served before, is not fed any more, and its capture is released: %s", f.generation.Name, why)
	if err != nil {
		text += fmt.Sprintf("\n    but %v: humpty prune %s", err, f.Projection.Name)
	}
	f.observer.Notice(text)
}

// release drops the capture.
func (f *feeder) release(ctx context.Context) error {
	source, can := f.source.(sources.Capturer)
	if !can {
		return nil
	}
	if err := source.Release(ctx, f.generation.Meta.Run); err != nil {
		return fmt.Errorf("release the capture of %s: %w", f.generation.Name, err)
	}
	return nil
}

// publish says how a generation is fed that does not serve, to those who cannot ask this process.
func (f *feeder) publish(store *checkpoint.Store, now checkpoint.Feeding) error {
	if !f.retired {
		return nil
	}
	now.Generation, now.At, now.Until = f.generation.Name, time.Now().UTC(), f.until
	return store.Notices.PublishFeeding(now)
}

// publishTrouble says why it ended, unless that is as it should be.
func (f *feeder) publishTrouble(ctx context.Context, store *checkpoint.Store, err error) error {
	var gap *sources.ErrChangesLost
	if err != nil && ctx.Err() == nil {
		return f.publish(store, checkpoint.Feeding{Trouble: problem.FirstLine(err), Lost: errors.As(err, &gap)})
	}
	return nil
}

// answer says, whenever it is asked, when all that was committed before is written.
func (f *feeder) answer(ctx context.Context, from *catchup.Capture, store *checkpoint.Store) error {
	tick := time.NewTicker(min(askedEvery, f.every()))
	defer tick.Stop()
	answered := ""
	for {
		question, err := store.Notices.AskedFence()
		if err != nil {
			return err
		}
		if question != answered {
			if err := passed(ctx, from, store); err != nil {
				return err
			}
			if err := f.publish(store, checkpoint.Feeding{Answered: question}); err != nil {
				return err
			}
			answered = question
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

// reached ends the feed when all that is committed now is written.
func (*feeder) reached(ctx context.Context, from *catchup.Capture, store *checkpoint.Store) error {
	if err := passed(ctx, from, store); err != nil {
		return err
	}
	return errReached
}

// passed waits until the rounds, which are done meanwhile, have settled all that is committed now.
func passed(ctx context.Context, from *catchup.Capture, store *checkpoint.Store) error {
	fence, err := from.Fence(ctx)
	if err != nil {
		return err
	}
	const often = 20 * time.Millisecond
	for {
		done, err := store.Passed(fence)
		if err != nil || done {
			return err
		}
		if err := wait.For(ctx, often); err != nil {
			return err
		}
	}
}
