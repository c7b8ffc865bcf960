package projector

import (
	"context"
	"errors"

	"humpty/internal/crashpoint"
	"humpty/projector/catchup"
	"humpty/projector/ledger"
)

// WriterHandover lets the application go on writing through the alias, without versions
// and without a pause. The alias is swapped near the present; then what was committed before
// the swap is settled in the index that serves, each document only if it still is as it
// was seen, until nothing of ours can undo a write of the application's any more.
//
// The application must write every document that it changes to the alias, after its commit
// in the source, and must not write what it read before it.
const WriterHandover Writer = "handover"

func (n *run) handsOver() bool { return n.capture != nil && n.Live.Writer == WriterHandover }

// untilSwapped leaves out what has been done, and cannot be done again when a run goes on
// behind its swap: the application writes to the generation.
func (n *run) untilSwapped(do func(context.Context) error) func(context.Context) error {
	return func(ctx context.Context) error {
		if n.candidate.AlreadyLive && (n.handsOver() || n.arrived()) {
			return nil
		}
		return do(ctx)
	}
}

// handOver swaps, and ends. Everything before the swap is as in any other way.
func (n *run) handOver(ctx context.Context, swap func() error) error {
	if n.Projection.Versions == "column" { // the application's own versions decide who was later
		if err := swap(); err != nil {
			return err
		}
		return n.rounds.CatchUpTo(ctx, n.capture)
	}
	if err := catchup.Quiet(ctx, n.candidate.Index); err != nil {
		return err
	}
	if err := n.Live.Checkpoint.RecordSwap(); err != nil {
		return err
	}
	crashpoint.At("handover recorded")
	if err := swap(); err != nil {
		return err
	}
	n.observer.Waiting("the alias is swapped; what was committed before is settled beside the application")
	h, err := catchup.NewHandover(n.rounds)
	if err != nil {
		return err
	}
	err = errors.Join(h.End(ctx, n.capture, n.Projection.Name), n.refusedBehindSwap())
	crashpoint.At("handover ended")
	return err
}

func (n *run) refusedBehindSwap() error {
	err := n.gateLoad()
	var many *ledger.TooManyRejections
	if !errors.As(err, &many) {
		return err
	}
	u := &catchup.Unsettled{Projection: n.Projection.Name, Documents: many.Rejected, Why: "they were rejected"}
	for _, r := range many.First {
		u.First = append(u.First, r.ID)
	}
	return u
}
