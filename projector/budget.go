package projector

import (
	"context"
	"sync"

	"golang.org/x/sync/semaphore"

	"humpty/sources"
)

// budget is the one account of bytes in flight between source and target, and the
// pool that its batches come from.
//
// A batch takes its limit from the account before it is filled. A document larger than
// that is let through on top: waiting for more while holding some could stop every
// reader for good. So the account may be overdrawn by one document for each reader.
type budget struct {
	limit   int // bytes of a batch
	account *semaphore.Weighted
	pool    sync.Pool
}

// newBudget makes an account of total bytes for batches of limit bytes; it always has
// room for the given number of batches, since fewer could not move.
func newBudget(total int64, limit, least int) *budget {
	return &budget{limit: limit, account: semaphore.NewWeighted(max(total, int64(limit)*int64(least)))}
}

// get returns an empty batch as soon as the account allows it.
func (b *budget) get(ctx context.Context) (*sources.Batch, error) {
	if err := b.account.Acquire(ctx, int64(b.limit)); err != nil {
		return nil, context.Cause(ctx)
	}
	if batch, ok := b.pool.Get().(*sources.Batch); ok {
		batch.Reset()
		return batch, nil
	}
	return &sources.Batch{Limit: b.limit}, nil
}

// put gives a batch back. One that grew far beyond its limit is left to the collector:
// a single huge document must not stay in memory for the rest of the run.
func (b *budget) put(batch *sources.Batch) {
	if cap(batch.Data) <= 2*b.limit {
		b.pool.Put(batch)
	}
	b.account.Release(int64(b.limit))
}
