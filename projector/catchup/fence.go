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

// listener is told of documents, while there is a listener.
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

// refusedEvery is how often documents that are refused are tried again though no change of
// theirs came.
const refusedEvery = time.Minute

// Following is what Follow obeys, and whom it tells.
type Following struct {
	MaxRejections int64 // more refused documents than these end it
	MaxPoison     int64 // more unreadable events than these do

	Documents *atomic.Int64 // counts those that were read again
	Told      func() error  // called behind each round: what is refused may be other than before
	Well      func()        // the same, where no more is refused than may be
}

// Follow does a round whenever something was marked, until ctx ends. A document that is refused
// holds up no other one: it is tried again when it changes, and now and then.
func (r *Rounds) Follow(ctx context.Context, from *Capture, f Following) error {
	late := wait.NewBackoff(fencePatience) // for changes that are not visible yet
	timer, retry := time.NewTimer(0), time.NewTicker(refusedEvery)
	defer timer.Stop()
	defer retry.Stop()
	if err := r.retryRefused(ctx); err != nil {
		return err
	}
	for {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		var round report.Round
		var err error
		select { // nothing to do before something is marked, or if something is left
		case <-from.recorded:
			round, err = r.round(ctx)
		case <-r.doubts.untilRotation(r):
			round, err = r.round(ctx)
		case <-retry.C:
			err = r.retryRefused(ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		if err == nil {
			err = r.tell(f, round)
		}
		if err != nil {
			return err
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

// tell tells of a round, and is an error where more is refused than may be.
func (r *Rounds) tell(f Following, round report.Round) error {
	f.Documents.Add(round.Reread)
	poison := ledger.Poisoned(r.View)
	if err := f.Told(); err != nil {
		return err
	}
	switch refusals := r.Writer.Book.Refusals(); {
	case refusals.Len() > f.MaxRejections:
		return r.Writer.Book.TooMany(f.MaxRejections)
	case poison > f.MaxPoison:
		return &ledger.TooMuchPoison{Poison: poison, Limit: f.MaxPoison}
	}
	f.Well()
	return nil
}
