// Package flush holds steps back that rest on what was read of a source, until the source has
// on its disk what the reads saw.
package flush

import (
	"context"
	"fmt"
	"sync"
	"time"

	"humpty/internal/wait"
	"humpty/sources"
)

const (
	askEvery = 200 * time.Millisecond // as often as PostgreSQL flushes by itself

	// forceAfter is how long the source may take to flush by itself. One that is at rest may
	// never do it: reads write to the log, too.
	forceAfter = time.Second
)

// Queue holds steps back. The source is asked later, and not where it is read: a step waits
// behind the place where the log ended after it was added, so behind all that its reads saw.
// When a server crashes nothing of what waits is done, and what was to be settled is read
// again. The nil Queue does each step at once: nothing that its source shows can be lost.
type Queue struct {
	log   sources.FlushLog
	added chan struct{} // holds one when something was added since it was taken

	asking sync.Mutex // held while the source is asked

	mu      sync.Mutex
	steps   []func() error // without a place yet
	waiting []batch        // in the order of their places
}

// batch are steps that wait for the same place in the log.
type batch struct {
	end   sources.Position
	since time.Time
	steps []func() error
}

// NewQueue makes the queue of what is read beside a change stream, or of a view; nil where
// nothing that it shows can be lost.
func NewQueue(from any) *Queue {
	tracked, ok := from.(sources.FlushTracked)
	if !ok {
		return nil
	}
	log := tracked.FlushLog()
	if log == nil {
		return nil
	}
	return &Queue{log: log, added: make(chan struct{}, 1)}
}

// Add has a step done when everything that was read before the call is on the source's disk.
func (q *Queue) Add(step func() error) error {
	if q == nil {
		return step()
	}
	q.mu.Lock()
	q.steps = append(q.steps, step)
	q.mu.Unlock()
	select {
	case q.added <- struct{}{}:
	default:
	}
	return nil
}

// Run does what waits, as the source flushes, until ctx ends.
func (q *Queue) Run(ctx context.Context) error {
	if q == nil {
		<-ctx.Done()
		return context.Cause(ctx)
	}
	for {
		select {
		case <-q.added:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		for q.holds() {
			if err := q.Check(ctx); err != nil {
				return err
			}
			if err := wait.For(ctx, askEvery); err != nil {
				return err
			}
		}
	}
}

func (q *Queue) holds() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.steps)+len(q.waiting) > 0
}

// Check asks the source once, and does what need not wait any more.
func (q *Queue) Check(ctx context.Context) error { return q.advance(ctx, forceAfter) }

// Now has everything flushed that was read so far, and does what waits. It is for a run that
// cannot go further without it.
func (q *Queue) Now(ctx context.Context) error { return q.advance(ctx, 0) }

// Confirm is nil when everything that was read before the call is on the source's disk.
func (q *Queue) Confirm(ctx context.Context) error {
	if err := q.Add(func() error { return nil }); err != nil {
		return err
	}
	return q.Now(ctx)
}

// LastCrash is that of the source; empty where nothing that it shows can be lost.
func (q *Queue) LastCrash(ctx context.Context) (string, error) {
	if q == nil {
		return "", nil
	}
	at, err := q.log.LastCrash(ctx)
	if err != nil {
		return "", fmt.Errorf("ask the source when it last crashed: %w", err)
	}
	return at, nil
}

// advance does what waits up to the place that is on the disk, and forces what has waited for
// as long as that.
func (q *Queue) advance(ctx context.Context, patience time.Duration) error {
	if q == nil || !q.holds() {
		return nil
	}
	q.asking.Lock()
	defer q.asking.Unlock()
	if err := q.place(ctx); err != nil {
		return err
	}
	for {
		first, ok := q.first()
		if !ok {
			return nil
		}
		flushed, err := q.flushed(ctx, first, patience)
		if err != nil || !flushed {
			return err
		}
		for _, step := range first.steps {
			if err := step(); err != nil {
				return err
			}
		}
		q.mu.Lock()
		q.waiting = q.waiting[1:]
		q.mu.Unlock()
	}
}

// place gives what was added a place to wait for.
func (q *Queue) place(ctx context.Context) error {
	q.mu.Lock()
	steps := q.steps
	q.steps = nil
	q.mu.Unlock()
	if len(steps) == 0 {
		return nil
	}
	end, err := q.log.LogEnd(ctx)
	if err != nil {
		return fmt.Errorf("ask the source where its log ends: %w", err)
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	q.waiting = append(q.waiting, batch{end: end, since: time.Now(), steps: steps})
	return nil
}

func (q *Queue) first() (batch, bool) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if len(q.waiting) == 0 {
		return batch{}, false
	}
	return q.waiting[0], true
}

// flushed asks whether the place of a batch is on the disk, and sees to it after a while.
func (q *Queue) flushed(ctx context.Context, b batch, patience time.Duration) (bool, error) {
	flushed, err := q.log.Flushed(ctx, b.end)
	if err != nil {
		return false, fmt.Errorf("ask the source what it has flushed: %w", err)
	}
	if flushed || time.Since(b.since) < patience {
		return flushed, nil
	}
	if err := q.log.Flush(ctx); err != nil {
		return false, fmt.Errorf("have the source flush its log: %w", err)
	}
	if flushed, err = q.log.Flushed(ctx, b.end); err == nil && !flushed {
		err = fmt.Errorf("the source has flushed a commit, and says that its log is not flushed up to %s, which lies before it", b.end)
	}
	return flushed, err
}
