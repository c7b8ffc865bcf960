package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/crashpoint"
	"humpty/internal/wait"
	"humpty/projector/catchup"
	"humpty/projector/checkpoint"
	"humpty/projector/outage"
	"humpty/projector/report"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// Live makes a run catch up with what changes while it reads.
type Live struct {
	Checkpoint *checkpoint.Store // the run's own, in its state folder
	Resume     bool              // go on with the run whose store it is; Owner.Run is that run's
	Writer     Writer
}

// Writer says who writes to the index besides a rebuild, and so how the swap is made.
type Writer string

// The ways to swap under writes; see also WriterHandover.
const (
	// WriterFreeze: the application writes through the alias and can bear a pause. The
	// old index is blocked for writes, everything committed before is caught up with,
	// and the alias is swapped.
	WriterFreeze Writer = "freeze"
	// WriterFollow: nobody but humpty writes to the index. Everything committed is caught
	// up with, the alias is swapped, and the capture stays: humpty follow goes on with it.
	WriterFollow Writer = "follow"
)

// alongside does work with a group whose goroutines end when the work does. The change
// reader lives there: it goes on through all phases. A server that goes away when the work
// is done takes nothing from it.
func (n *run) alongside(ctx context.Context, work func(context.Context) error) error {
	group, working := errgroup.WithContext(ctx)
	working, stop := context.WithCancelCause(working)
	n.background = func(task func(context.Context) error) {
		group.Go(func() error {
			err := task(working)
			if errors.Is(err, errDone) {
				return nil
			}
			return err
		})
	}
	done := false
	group.Go(func() error {
		defer stop(errDone)
		err := work(working)
		done = err == nil
		return err
	})
	err := group.Wait()
	if server := outage.Server(n.Source, n.Target, err); done && server != "" {
		n.observer.Notice(fmt.Sprintf("the %s went away when all was done: %v", server, err))
		return nil
	}
	return err
}

var errNotLive = errors.New("this source cannot tell what changes: use consistency: snapshot")

// errDone ends what runs alongside when the work is done.
var errDone = errors.New("the run is over")

// follow begins to capture changes: before the first read, so that what a read does not
// see comes as a mark.
func (n *run) follow(ctx context.Context) error {
	if n.Live == nil {
		return nil
	}
	source, ok := n.Source.(sources.Capturer)
	if !ok {
		return errNotLive
	}
	if n.Live.Writer == WriterHandover && !catchup.CanHandOver(n.candidate.Index) {
		return catchup.ErrNoHandover
	}
	position, err := n.Live.Checkpoint.Position()
	if err != nil {
		return err
	}
	feed, err := source.Capture(ctx, n.Owner.Run, position)
	if err != nil {
		return fmt.Errorf("capture changes: %w", n.saved(err))
	}
	crashpoint.At("capture made")
	if limited, ok := feed.(sources.Caveated); ok {
		n.record.Limits = limited.Caveats()
	}
	n.capture = catchup.NewCapture(feed, n.Live.Checkpoint)
	n.background(func(ctx context.Context) error {
		err := n.capture.Run(ctx)
		closing, cancel := wait.ToCleanUp(ctx)
		defer cancel()
		return errors.Join(err, feed.Close(closing))
	})
	n.background(func(ctx context.Context) error {
		err := n.capture.Lag(ctx, n.record.Generation, n.observer, n.rereads.Load)
		if ctx.Err() != nil { // the feed may be closed already
			return context.Cause(ctx)
		}
		return err
	})
	// From here on the store has a position: a later process goes on behind it, and is
	// told if the source does not have everything since.
	_, err = n.capture.Fence(ctx)
	crashpoint.At("capture positioned")
	return err
}

// release drops the capture where nobody goes on with it.
func (n *run) release(ctx context.Context, failed error) error {
	source, ok := n.Source.(sources.Capturer)
	var gap *sources.ErrChangesLost
	if n.capture == nil && !errors.As(failed, &gap) || !ok || n.record.Resumable || n.Live.Writer == WriterFollow && n.candidate.Meta.State == sinks.Live {
		return nil
	}
	pause := wait.NewBackoff(wait.CleanUpTime)
	for {
		err := source.Release(ctx, n.Owner.Run)
		if err == nil {
			return nil
		}
		over := outage.Server(n.Source, n.Target, err) == ""
		if !over {
			over, _ = pause.Wait(ctx) // the error of the release says more
		}
		if over || ctx.Err() != nil {
			return fmt.Errorf("release the capture %s: %w\n    it holds back the source's log until it is dropped: humpty prune %s", n.Owner.Run, err, n.Projection.Name)
		}
	}
}

// roundDone books a round: of catch-up, or on the way to a fence.
func (n *run) roundDone(round report.Round) {
	n.record.Rounds = append(n.record.Rounds, round)
	n.rereads.Add(round.Reread)
}

// newRounds are made when the load is over.
func (n *run) newRounds() (*catchup.Rounds, error) {
	view, ok := n.view.(sources.Expander)
	if !ok {
		return nil, errors.New("this source cannot read single documents again: use consistency: snapshot")
	}
	r := &catchup.Rounds{
		Store: n.Live.Checkpoint, View: view, Done: n.roundDone,
		Writer: &write.Writer{Index: n.candidate.Index, Base: n.base(), Book: n.ledger, Throttle: write.Throttle{Limiter: n.rate}},
	}
	swapped, err := n.Live.Checkpoint.Swapped()
	if err == nil && swapped { // by an earlier process: the application may write already
		_, err = catchup.NewHandover(r)
	}
	return r, err
}

// catchUp brings the generation near to the present, round by round. Without a capture
// there is nothing to do: the source is one snapshot of tables at rest.
func (n *run) catchUp(ctx context.Context) error {
	if n.capture == nil || n.arrived() {
		return nil
	}
	if err := n.candidate.Note(ctx, sinks.CatchingUp); err != nil {
		return err
	}
	crashpoint.At("catch-up noted")
	rounds, err := n.newRounds()
	if err != nil {
		return err
	}
	n.rounds = rounds
	n.brakeCatchUp(rounds)
	if err := rounds.UntilNear(ctx, n.intact, n.afterRound); err != nil {
		return err
	}
	return rounds.CatchUpTo(ctx, n.capture)
}

// afterRound books what a round wrote, and makes it durable.
func (n *run) afterRound(round report.Round, took time.Duration) error {
	n.pass(fmt.Sprintf("catch-up %d", len(n.record.Rounds)))
	if err := n.remember(); err != nil {
		return err
	}
	text := fmt.Sprintf("round %d: %d marks, %d documents read again in %.1f s", len(n.record.Rounds), round.Marks, round.Reread, took.Seconds())
	if last := n.rounds.Writer.Throttle.Pace.LastDecision(); last != "" {
		text += "; " + last
	}
	n.observer.Waiting(text)
	return nil
}
