package projector

import (
	"context"
	"errors"
	"fmt"

	"humpty/internal/crashpoint"
	"humpty/sinks"
)

// arrive brings the generation up to everything that is committed, right before the
// swap. thaw undoes the block of the old index, for the case that the swap fails.
func (n *run) arrive(ctx context.Context, survey sinks.Survey) (thaw func() error, err error) {
	thaw = func() error { return nil }
	if n.capture == nil || n.arrived() {
		return thaw, nil
	}
	if n.Live.Writer == WriterFreeze {
		if thaw, err = n.candidate.BlockWrites(ctx, survey); err != nil {
			return thaw, err
		}
	}
	if err := n.rounds.CatchUpTo(ctx, n.capture); err != nil {
		return thaw, errors.Join(fmt.Errorf("catch up before the swap: %w", err), thaw())
	}
	n.reached()
	crashpoint.At("arrived")
	if _, err := n.candidate.Index.Count(ctx); err != nil { // refreshes: a search right after the swap must see everything
		return thaw, errors.Join(err, thaw())
	}
	return thaw, n.gateLoad()
}

// arrived reports whether an earlier process of the run swapped, with all in the generation
// that was committed before. The application writes to it since: it must not be blocked, and
// what was read of the source before such a write must not come after it.
func (n *run) arrived() bool { return n.candidate.AlreadyLive && n.Live.Writer == WriterFreeze }
