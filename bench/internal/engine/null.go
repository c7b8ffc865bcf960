package engine

import (
	"context"
	"sync/atomic"

	"humpty/internal/memory"
	"humpty/sinks"
)

func nullTarget(alias string) sinks.Target {
	return &discard{Target: memory.Target{Name: alias}}
}

type discard struct{ memory.Target }

func (t *discard) Create(ctx context.Context, g sinks.Generation) (sinks.Index, error) {
	index, err := t.Target.Create(ctx, g)
	return &discardIndex{Index: index}, err
}

type discardIndex struct {
	sinks.Index
	written atomic.Int64
}

func (x *discardIndex) Write(_ context.Context, docs []sinks.Document, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	for i := range verdicts {
		verdicts[i] = sinks.Verdict{Outcome: sinks.Written}
	}
	x.written.Add(int64(len(docs)))
	return sinks.Receipt{}, nil
}

func (x *discardIndex) Count(context.Context) (int64, error) { return x.written.Load(), nil }
