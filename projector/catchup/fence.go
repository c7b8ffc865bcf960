package catchup

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"humpty/internal/wait"
	"humpty/projector/ledger"
	"humpty/projector/report"
)

// fencePatience is how long a fence may stay unpassed. What keeps it so is not a slow
// round but a commit that new reads do not see: a standby that does not acknowledge.
const fencePatience = 5 * time.Minute

// CatchUpTo catches up with everything that is committed now: it sets a fence, and rounds
// are done until nothing that was marked before it is due.
func (r *Rounds) CatchUpTo(ctx context.Context, from *Capture) error {
	fence, err := from.Fence(ctx)
	if err != nil {
		return err
	}
	return r.untilFence(ctx, fence)
}

// CatchUpTelling is CatchUpTo, and tells written of every document that is written meanwhile,
// one call at a time.
func (r *Rounds) CatchUpTelling(ctx context.Context, from *Capture, written func(ids [][]byte)) error {
	r.written.set(written)
	defer r.written.set(nil)
	return r.CatchUpTo(ctx, from)
}

// listener is told of documents, while somebody listens.
type listener struct {
	mu sync.Mutex
	fn func(ids [][]byte)
}

func (l *listener) set(fn func(ids [][]byte)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.fn = fn
}

func (l *listener) tell(ids [][]byte) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.fn != nil {
		l.fn(ids)
	}
}

// untilFence does rounds until nothing that was recorded up to the fence is due.
func (r *Rounds) untilFence(ctx context.Context, fence uint64) error {
	if r.Rules.PassesFenceEarly() {
		return nil
	}
	pause := wait.NewBackoff(fencePatience)
	for {
		if err := r.Flush.Now(ctx); err != nil { // or nothing that was read is settled yet
			return err
		}
		passed, err := r.Store.Passed(fence)
		if err != nil || passed {
			return err
		}
		round, err := r.round(ctx)
		if err != nil {
			return err
		}
		if round.Left < round.Marks { // something was settled
			pause = wait.NewBackoff(fencePatience)
			continue
		}
		over, err := pause.Wait(ctx)
		if err != nil {
			return err
		}
		if over {
			return r.unseen()
		}
	}
}

func (r *Rounds) unseen() error {
	left, err := r.Store.Backlog(keysAtOnce)
	return errors.Join(err, fmt.Errorf("%d marks are still due after %s: their changes are committed, but new reads do not see them\n"+
		"    look for a standby in synchronous_standby_names that does not acknowledge (pg_stat_replication), or a long transaction", left, fencePatience))
}

const (
	// nearEnough: a round this short has caught up as far as rounds can; the rest is the
	// fence's.
	nearEnough = 2 * time.Second
	// roundsWithoutGain in a row mean that changes come faster than they are settled.
	roundsWithoutGain = 8
)

// UntilNear does rounds until they bring the index no nearer to the present. Within each,
// written is called when its documents are written, and done when it is over.
func (r *Rounds) UntilNear(ctx context.Context, written func(context.Context) error, done func(round report.Round, took time.Duration) error) error {
	shortest, noGain := time.Duration(1<<62), 0
	for {
		start := time.Now()
		round, err := r.round(ctx)
		if err != nil {
			return err
		}
		if err := written(ctx); err != nil {
			return err
		}
		if round.Marks == 0 && r.Done != nil {
			r.Done(round)
		}
		took := time.Since(start)
		if err := done(round, took); err != nil {
			return err
		}
		if took <= nearEnough {
			return nil
		}
		if took < shortest*9/10 {
			shortest, noGain = took, 0
			continue
		}
		if noGain++; noGain < roundsWithoutGain {
			continue
		}
		if round.Reread > Workers*idsAtOnce {
			return tooFast(round, took)
		}
		return nil // one request for each worker: slow servers, not many changes
	}
}

func tooFast(round report.Round, took time.Duration) error {
	return fmt.Errorf("changes come as fast as they are settled: %d documents read again in the last round, %.0f a second, "+
		"and %d rounds brought it no nearer\n"+
		"    let it run when less is written, give the source more connections (max_connections), or use writer: freeze with the application paused",
		round.Reread, float64(round.Reread)/took.Seconds(), roundsWithoutGain)
}

// betweenRounds: changes of a burst share a round.
const betweenRounds = 50 * time.Millisecond

// Follow does a round whenever something was marked, until ctx ends.
func (r *Rounds) Follow(ctx context.Context, from *Capture, maxRejections, maxPoison int64, documents *atomic.Int64) error {
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
		case <-from.recorded:
		case <-r.doubts.untilRotation(r):
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		round, err := r.round(ctx)
		if err != nil {
			return err
		}
		documents.Add(round.Reread)
		sum, _ := r.Writer.Book.Totals()
		switch poison := ledger.Poisoned(r.View); {
		case sum.Rejected > maxRejections:
			return r.Writer.Book.TooMany(maxRejections)
		case poison > maxPoison:
			return &ledger.TooMuchPoison{Poison: poison, Limit: maxPoison}
		}
		if round.Left == 0 {
			late = wait.NewBackoff(fencePatience)
		} else {
			from.wake()
			if over, err := late.Wait(ctx); err != nil || over && round.Left == round.Marks {
				return errors.Join(err, r.unseen())
			}
		}
		timer.Reset(betweenRounds)
	}
}
