package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/crashpoint"
	"humpty/internal/wait"
	"humpty/projector/checkpoint"
	"humpty/projector/outage"
	"humpty/projector/report"
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
	if n.Live.Writer == WriterHandover && !handsOver(n.candidate.Index) {
		return errNoHandover
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
	n.capture = newCapture(feed, n.Live.Checkpoint)
	n.background(func(ctx context.Context) error {
		err := n.capture.run(ctx)
		closing, cancel := wait.ToCleanUp(ctx)
		defer cancel()
		return errors.Join(err, feed.Close(closing))
	})
	n.background(func(ctx context.Context) error {
		err := n.capture.lag(ctx, n.record.Generation, n.observer, n.rereads.Load)
		if ctx.Err() != nil { // the feed may be closed already
			return context.Cause(ctx)
		}
		return err
	})
	// From here on the store has a position: a later process goes on behind it, and is
	// told if the source does not have everything since.
	_, err = n.capture.reach(ctx)
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

// did books a round: of catch-up, or on the way to a fence.
func (n *run) did(round report.Round) {
	n.record.Rounds = append(n.record.Rounds, round)
	n.rereads.Add(round.Reread)
}

// catcher is made when the load is over.
func (n *run) newCatcher() (*catcher, error) {
	view, ok := n.view.(sources.Expander)
	if !ok {
		return nil, errors.New("this source cannot read single documents again: use consistency: snapshot")
	}
	c := &catcher{
		store: n.Live.Checkpoint, view: view, index: n.candidate.Index, base: n.base(),
		ledger: n.ledger, rate: n.rate, did: n.did,
	}
	swapped, err := n.Live.Checkpoint.Swapped()
	if err == nil && swapped { // by an earlier process: the application may write already
		_, err = newHandover(c)
	}
	return c, err
}

const (
	// nearEnough: a round this short has caught up as far as rounds can; the rest is the
	// fence's.
	nearEnough = 2 * time.Second
	// roundsWithoutGain in a row mean that changes come faster than they are settled.
	roundsWithoutGain = 8
)

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
	c, err := n.newCatcher()
	if err != nil {
		return err
	}
	n.catcher = c
	n.brakeCatchUp(c)
	shortest, noGain := time.Duration(1<<62), 0
	for {
		start := time.Now()
		round, err := c.round(ctx)
		if err != nil {
			return err
		}
		if err := n.intact(ctx); err != nil {
			return err
		}
		if round.Marks == 0 {
			n.did(round)
		}
		took := time.Since(start)
		n.pass(fmt.Sprintf("catch-up %d", len(n.record.Rounds)))
		if err := n.remember(); err != nil {
			return err
		}
		text := fmt.Sprintf("round %d: %d marks, %d documents read again in %.1f s", len(n.record.Rounds), round.Marks, round.Reread, took.Seconds())
		if last := c.pace.LastDecision(); last != "" {
			text += "; " + last
		}
		n.observer.Waiting(text)
		if took <= nearEnough {
			return c.reach(ctx, n.capture)
		}
		if took < shortest*9/10 {
			shortest, noGain = took, 0
			continue
		}
		if noGain++; noGain < roundsWithoutGain {
			continue
		}
		if round.Reread > laneCount*idsAtOnce {
			return n.tooFast(round, took)
		}
		return c.reach(ctx, n.capture) // one request for each lane: slow servers, not many changes
	}
}

func (n *run) tooFast(round report.Round, took time.Duration) error {
	return fmt.Errorf("changes come as fast as they are settled: %d documents read again in the last round, %.0f a second, "+
		"and %d rounds brought it no nearer\n"+
		"    let it run when less is written, give the source more connections (max_connections), or use writer: freeze with the application paused",
		round.Reread, float64(round.Reread)/took.Seconds(), roundsWithoutGain)
}
