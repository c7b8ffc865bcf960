package chaos

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/wait"
	"humpty/projector"
)

// beside has the second rebuild, beside what writes, follows and intervenes, until all rests.
func (h *history) beside(ctx context.Context) error {
	commit := h.app.commit
	if h.plan.Mode == projector.WriterFollow || h.plan.Mode == Snapshot {
		commit = func(_ context.Context, commit func() error) error { return commit() }
	}
	stop, quiet := make(chan struct{}), make(chan struct{})
	group, working := errgroup.WithContext(ctx)
	following, done := context.WithCancel(working)
	defer done()
	acting, stopActing := context.WithCancel(working)
	defer stopActing()
	told, followed := make(chan caughtUp, 1), make(chan struct{})
	group.Go(func() error {
		defer close(followed)
		if h.plan.Mode != projector.WriterFollow {
			return nil
		}
		return h.accept("follow", h.engine.follow(following, told))
	})
	group.Go(func() error {
		defer close(quiet)
		writing, working := errgroup.WithContext(working)
		writing.Go(func() error { return (&operator{h.world, commit}).intervene(acting, h.first) })
		if h.plan.Mode != Snapshot {
			h.write(working, writing, stop, commit)
		}
		return writing.Wait()
	})
	group.Go(func() error {
		defer close(stop)
		defer stopActing()
		return h.second(working)
	})
	group.Go(func() error {
		select {
		case <-quiet:
		case <-working.Done():
			return nil
		}
		defer done()
		if h.plan.Mode == projector.WriterFollow {
			return h.quiesce(working, told, followed)
		}
		return h.app.index(working)
	})
	return group.Wait()
}

// write begins all that writes until stop is closed.
func (h *history) write(ctx context.Context, group *errgroup.Group, stop <-chan struct{}, commit commitFunc) {
	for n := range uint64(writers) {
		w := &tableWriter{
			seed: h.plan.Seed, number: n, dsn: h.dsn, schema: h.schema, commit: commit, journal: h.journal, mortal: h.mortal != nil,
		}
		group.Go(func() error { return w.write(ctx, stop, &h.transactions) })
	}
	if h.plan.has(Toggle) {
		w := &toggler{seed: h.plan.Seed, dsn: h.dsn, schema: h.schema, commit: commit, journal: h.journal}
		group.Go(func() error { return w.write(ctx, stop) })
	}
	if h.producer != nil {
		group.Go(func() error { return h.producer.produce(ctx, stop, &h.events, commit) })
	}
}

// second is the rebuild that all is about.
func (h *history) second(ctx context.Context) error {
	rec, err := h.engine.rebuild(ctx, "second")
	h.report.Resumed, h.report.Phases = rec.Resumed, map[string]float64{}
	for _, p := range rec.Phases {
		h.report.Phases[string(p.Phase)] = p.Seconds
	}
	for _, r := range rec.Rounds {
		h.report.Reread += r.Reread
	}
	if errors.As(err, &h.unsettled) {
		h.report.Unsettled = h.unsettled.Documents
		err = nil
	}
	if e := endingOf(err); e.named() && h.plan.Mode == projector.WriterHandover {
		h.named, err = true, nil
	}
	if err != nil {
		err = h.accept("rebuild", err)
	}
	rest := h.rng.IntN(200)
	if h.plan.Mode == projector.WriterFollow {
		rest = h.rng.IntN(2000)
	}
	return errors.Join(err, wait.For(ctx, time.Duration(rest)*time.Millisecond))
}

// quiesce waits until a follow says that it is 0 behind, behind the last change: then the index
// that serves must be right at once.
func (h *history) quiesce(ctx context.Context, told <-chan caughtUp, followed <-chan struct{}) error {
	rest := time.Now()
	h.journal.note("all writers rest")
	limit, cancel := context.WithTimeoutCause(ctx, quiescenceLimit, fmt.Errorf("follow did not say that it is 0 behind within %s of rest", quiescenceLimit))
	defer cancel()
	for {
		select {
		case c := <-told:
			live, err := h.live(ctx)
			if err != nil {
				return err
			}
			if c.generation == live && c.at.After(rest) {
				h.journal.note("follow says that %s is 0 behind", live)
				return h.right(ctx)
			}
		case <-followed:
			return nil // with an error, or as it may
		case <-limit.Done():
			if _, wrong, err := h.compare(ctx); err != nil || wrong != nil {
				return errors.Join(context.Cause(limit), err, wrong)
			}
			return context.Cause(limit)
		}
	}
}

// followAlone follows until it says that it is 0 behind.
func (h *history) followAlone(ctx context.Context) error {
	told, followed := make(chan caughtUp, 1), make(chan struct{})
	group, working := errgroup.WithContext(ctx)
	following, done := context.WithCancel(working)
	defer done()
	group.Go(func() error {
		defer close(followed)
		return h.engine.follow(following, told)
	})
	group.Go(func() error {
		defer done()
		return h.quiesce(working, told, followed)
	})
	return group.Wait()
}

// afterwards is how long an application has the index of a snapshot.
const afterwards = 1500 * time.Millisecond

// behindTheSwap has an application take over what the swap put behind the alias.
func (h *history) behindTheSwap(ctx context.Context) (err error) {
	if h.app, err = newApplication(ctx, h.app.oracle, h.app.alias); err != nil {
		return err
	}
	stop := make(chan struct{})
	group, working := errgroup.WithContext(ctx)
	h.write(working, group, stop, h.app.commit)
	group.Go(func() error {
		defer close(stop)
		return wait.For(working, afterwards)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	return h.app.index(ctx)
}
