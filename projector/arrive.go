package projector

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"humpty/internal/crashpoint"
	"humpty/internal/wait"
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
		if thaw, err = n.freeze(ctx, survey); err != nil {
			return thaw, err
		}
	}
	if err := n.catcher.reach(ctx, n.capture); err != nil {
		return thaw, errors.Join(fmt.Errorf("catch up before the swap: %w", err), thaw())
	}
	n.reached()
	crashpoint.At("arrived")
	if _, err := n.index.Count(ctx); err != nil { // refreshes: a search right after the swap must see everything
		return thaw, errors.Join(err, thaw())
	}
	return thaw, n.gateLoad()
}

// arrived reports whether an earlier process of the run swapped, with all in the generation
// that was committed before. The application writes to it since: it must not be blocked, and
// what was read of the source before such a write must not come after it.
func (n *run) arrived() bool { return n.serves && n.Live.Writer == WriterFreeze }

// freeze blocks writes to what serves now. When it returns, writes that were under way
// have ended.
func (n *run) freeze(ctx context.Context, survey sinks.Survey) (thaw func() error, err error) {
	blocker, ok := n.Target.(sinks.Blocker)
	if !ok {
		return func() error { return nil }, errors.New("this target cannot block writes: writer: freeze is not possible with it")
	}
	survey.Serving = slices.DeleteFunc(slices.Clone(survey.Serving), func(s sinks.Serving) bool {
		return s.Index == n.record.Generation // partial: the alias refuses writes, and ours go on
	})
	for _, s := range survey.Serving { // first, so that whoever comes after a crash finds them
		n.meta.Blocked = append(n.meta.Blocked, s.Index)
	}
	if err := n.note(ctx, n.meta.State); err != nil {
		return func() error { return nil }, err
	}
	crashpoint.At("block noted")
	thaw = func() error {
		ctx, cancel := wait.ToCleanUp(ctx)
		defer cancel()
		var err error
		for _, s := range survey.Serving {
			err = errors.Join(err, blocker.Unblock(ctx, s.Index))
		}
		return err
	}
	for _, s := range survey.Serving {
		if err := blocker.Block(ctx, s.Index); err != nil {
			return thaw, errors.Join(fmt.Errorf("block writes to %s: %w", s.Index, err), thaw())
		}
		n.observer.Waiting(s.Index + " is blocked for writes until the swap")
	}
	crashpoint.At("writes blocked")
	return thaw, nil
}
