package projector

import (
	"context"
	"fmt"
	"slices"

	"humpty/projector/lease"
	"humpty/sinks"
)

// underLease does work while holding the projection's lease, as each command does that
// changes something.
func underLease(ctx context.Context, target sinks.Target, owner sinks.Owner, work func(context.Context, sinks.Lease) error) error {
	h := lease.Hold{
		Target: target, Owner: owner,
		Before: func(ctx context.Context) error { return thawLeft(ctx, target) },
	}
	return h.Do(ctx, work)
}

// thawLeft lifts blocks that a run set before its swap and died with: an index that serves
// must take writes. Each command that takes the lease does so first; nobody else can be
// about to swap then.
func thawLeft(ctx context.Context, target sinks.Target) error {
	blocker, ok := target.(sinks.Blocker)
	if !ok {
		return nil
	}
	survey, err := target.Survey(ctx)
	if err != nil {
		return fmt.Errorf("survey the target: %w", err)
	}
	for _, g := range survey.Generations {
		for _, s := range survey.Serving {
			if !slices.Contains(g.Meta.Blocked, s.Index) {
				continue
			}
			if err := blocker.Unblock(ctx, s.Index); err != nil {
				return fmt.Errorf("lift the block that run %s left on %s: %w", g.Meta.Run, s.Index, err)
			}
			if err := forgetBlocks(ctx, target, g); err != nil {
				return err
			}
			break
		}
	}
	return nil
}

func forgetBlocks(ctx context.Context, target sinks.Target, g sinks.Generation) error {
	index, err := target.Open(ctx, g.Name)
	if err != nil {
		return fmt.Errorf("open index %s: %w", g.Name, err)
	}
	g.Meta.Blocked = nil
	if err := index.Note(ctx, g.Meta); err != nil {
		return fmt.Errorf("note in %s that nothing is blocked: %w", g.Name, err)
	}
	return nil
}
