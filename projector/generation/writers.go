package generation

import (
	"context"
	"fmt"

	"humpty/sinks"
)

// BeginWriter gives an index a writer of its own, and shuts out those before it in their role.
// What they sent has been written or never will be. Targets whose writes end with their calls
// need no such thing.
func BeginWriter(ctx context.Context, index sinks.Index, role sinks.WriterRole) error {
	fence, ok := index.(sinks.WriterFence)
	if !ok {
		return nil
	}
	if err := fence.BeginWriter(ctx, role); err != nil {
		return fmt.Errorf("begin to write: %w", err)
	}
	return nil
}

// EndWriter shuts out the writer of an index: when it returns, all that was sent has been
// written or never will be.
func EndWriter(ctx context.Context, index sinks.Index) error {
	fence, ok := index.(sinks.WriterFence)
	if !ok {
		return nil
	}
	if err := fence.EndWriter(ctx); err != nil {
		return fmt.Errorf("end to write: %w", err)
	}
	return nil
}

// FenceOrphans shuts out the writers of processes that held the lease before, in all
// generations: one that is only asleep shall find that it must stop. Each command that takes
// the lease does so first.
func FenceOrphans(ctx context.Context, target sinks.Target) error {
	fencer, ok := target.(sinks.WriterFencer)
	if !ok {
		return nil
	}
	return fencer.FenceWriters(ctx, sinks.LeaseWriter)
}
