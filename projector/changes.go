package projector

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync/atomic"

	"humpty/internal/crashpoint"
	"humpty/internal/wait"
	"humpty/projector/catchup"
	"humpty/projector/checkpoint"
	"humpty/projector/flush"
	"humpty/projector/generation"
	"humpty/projector/outage"
	"humpty/projector/report"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// changes are what a run captures of its source from before the first read on, and the rounds
// that catch up with it.
type changes struct {
	rebuild    *Rebuild
	record     *Record
	candidate  *generation.Candidate
	observer   *report.Observer
	background *background

	capture *catchup.Capture // nil: nothing to catch up with
	flush   *flush.Queue     // what the source may take back waits there to be done; nil: it takes nothing back
	rounds  *catchup.Rounds  // made when the load is over
	reread  atomic.Int64     // documents read again by rounds
}

var errNotLive = errors.New("this source cannot tell what changes: use consistency: snapshot")

// start begins to capture changes: before the first read, so that what a read does not
// see comes as a dirty key.
func (c *changes) start(ctx context.Context) error {
	live := c.rebuild.Live
	if live == nil {
		return nil
	}
	source, ok := c.rebuild.Source.(sources.Capturer)
	if !ok {
		return errNotLive
	}
	if live.Writer == WriterHandover && !catchup.CanHandOver(c.candidate.Index) {
		return catchup.ErrNoHandover
	}
	position, err := live.Checkpoint.Position()
	if err != nil {
		return err
	}
	stream, err := source.Capture(ctx, c.rebuild.Owner.Run, position)
	if err != nil {
		return fmt.Errorf("capture changes: %w", err)
	}
	crashpoint.At("capture made")
	if limited, ok := stream.(sources.Caveated); ok {
		c.record.Limits = limited.Caveats()
	}
	c.capture, c.flush = catchup.NewCapture(stream, live.Checkpoint), flush.NewQueue(stream)
	c.background.start(c.flush.Run)
	c.background.start(func(ctx context.Context) error {
		err := c.capture.Run(ctx)
		closing, cancel := wait.ToCleanUp(ctx)
		defer cancel()
		return errors.Join(err, stream.Close(closing))
	})
	c.background.start(func(ctx context.Context) error {
		err := c.capture.Lag(ctx, c.record.Generation, c.observer, c.reread.Load, nil)
		if ctx.Err() != nil { // the stream may be closed already
			return context.Cause(ctx)
		}
		return err
	})
	// From here on the store has a position: a later process goes on behind it, and is
	// told if the source does not have everything since.
	_, err = c.capture.Fence(ctx)
	crashpoint.At("capture positioned")
	return err
}

// release drops the capture where nothing goes on with it.
func (c *changes) release(ctx context.Context, failed error) error {
	r := c.rebuild
	source, ok := r.Source.(sources.Capturer)
	var gap *sources.ErrChangesLost
	followed := r.Live != nil && r.Live.Writer == WriterFollow && c.candidate.Meta.State == sinks.Live && (failed == nil || r.Adopt == nil)
	if c.capture == nil && !errors.As(failed, &gap) || !ok || c.record.Resumable || followed {
		return nil
	}
	pause := wait.NewBackoff(wait.CleanUpTime)
	for {
		err := source.Release(ctx, r.Owner.Run)
		if err == nil {
			return nil
		}
		over := outage.Server(r.Source, r.Target, err) == ""
		if !over {
			over, _ = pause.Wait(ctx) // the error of the release says more
		}
		if over || ctx.Err() != nil {
			return fmt.Errorf("release the capture %s: %w\n    it holds back the source's log until it is dropped: humpty prune %s", r.Owner.Run, err, r.Projection.Name)
		}
	}
}

// startRounds makes the rounds, when the load is over.
func (c *changes) startRounds(view sources.View, writer *write.Writer) error {
	expander, ok := view.(sources.Expander)
	if !ok {
		return errors.New("this source cannot read single documents again: use consistency: snapshot")
	}
	store := c.rebuild.Live.Checkpoint
	rounds := &catchup.Rounds{Store: store, View: expander, Flush: c.flush, Writer: writer, Done: c.roundDone, Refusals: c.keptRefusals()}
	swapped, err := store.Swap.Recorded()
	if err == nil && swapped { // by an earlier process: the application may write already
		_, err = catchup.NewHandover(rounds)
	}
	if err != nil {
		return err
	}
	c.rounds = rounds
	return nil
}

// keptRefusals is where it is kept which documents are refused: humpty follow takes over
// them. Their letters are written by the ledger.
func (c *changes) keptRefusals() *checkpoint.Refusals {
	if c.rebuild.Live == nil {
		return nil
	}
	return checkpoint.NewRefusals(c.rebuild.Live.Checkpoint, nil)
}

// roundDone books a round: of catch-up, or on the way to a fence.
func (c *changes) roundDone(round report.Round) {
	c.record.Rounds = append(c.record.Rounds, round)
	c.reread.Add(round.Reread)
}

// catchUp brings the generation up to everything that is committed now.
func (c *changes) catchUp(ctx context.Context) error { return c.rounds.CatchUpTo(ctx, c.capture) }

// settle catches up, and makes the deletions again that waited for another name of the writer.
func (c *changes) settle(ctx context.Context) error {
	if err := c.catchUp(ctx); err != nil {
		return err
	}
	return c.rounds.SettleDeletions(ctx)
}

// catchUpTelling is catchUp, and tells written of all documents that it wrote.
func (c *changes) catchUpTelling(ctx context.Context, written func(ids [][]byte)) error {
	return c.rounds.CatchUpTelling(ctx, c.capture, written)
}

// source is the source that the run reads.
func (c *changes) source() sources.Source {
	if c.capture == nil {
		return c.rebuild.Source
	}
	return catchup.SourceOf(c.rebuild.Source, c.capture.Stream())
}

// noteFence notes where in the logs the last fence was: what is before it is in the index.
func (c *changes) noteFence() {
	located, ok := c.capture.Stream().(sources.FenceLocator)
	if !ok {
		return
	}
	m := &c.candidate.Meta
	at := generation.FormatPositions(located.FenceOffsets())
	if v := m.Verified; v != nil && !maps.Equal(generation.Offsets(m.Positions), generation.Offsets(at)) { // events came since it was added up
		moved := *v
		moved.Sum, m.Verified = "", &moved
	}
	m.Positions = at
	c.record.Positions = generation.Offsets(m.Positions)
}

// handsOver reports whether the application goes on writing to the alias.
func (c *changes) handsOver() bool {
	return c.capture != nil && c.rebuild.Live.Writer == WriterHandover
}

// frozen reports whether writes to the alias are blocked for the swap.
func (c *changes) frozen() bool { return c.capture != nil && c.rebuild.Live.Writer == WriterFreeze }

// arrivedBefore reports whether an earlier process of the run swapped, with all in the
// generation that was committed before. The application writes to it since: it must not be
// blocked, and what was read of the source before such a write must not come after it.
func (c *changes) arrivedBefore() bool {
	return c.candidate.AlreadyLive && c.rebuild.Live.Writer == WriterFreeze
}
