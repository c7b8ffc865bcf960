package load

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
	size    func() int // bytes of the next batch; never more than at first
	account *semaphore.Weighted

	mu   sync.Mutex
	free []*sources.Batch // not a sync.Pool: each collection would empty it, and batches are large
}

// newBudget makes an account of total bytes for batches of the given size; it always has
// room for the given number of batches, since fewer could not move.
func newBudget(total int64, size func() int, least int) *budget {
	return &budget{size: size, account: semaphore.NewWeighted(max(total, int64(size())*int64(least)))}
}

// fixed is a size that does not change.
func fixed(size int) func() int { return func() int { return size } }

// get returns an empty batch as soon as the account allows it.
func (b *budget) get(ctx context.Context) (*sources.Batch, error) {
	size := b.size()
	if err := b.account.Acquire(ctx, int64(size)); err != nil {
		return nil, context.Cause(ctx)
	}
	batch := b.reuse()
	if batch == nil { // room for the record that passes the limit: growing there would double it
		batch = &sources.Batch{Data: make([]byte, 0, size+size/8)}
	}
	batch.Reset()
	batch.Limit = size
	return batch, nil
}

// put gives a batch back. One that grew far beyond its limit is left to the collector:
// a single huge document must not stay in memory for the rest of the run.
func (b *budget) put(batch *sources.Batch) {
	size := batch.Limit
	if cap(batch.Data) <= 2*size {
		b.mu.Lock()
		b.free = append(b.free, batch)
		b.mu.Unlock()
	}
	b.account.Release(int64(size))
}

func (b *budget) reuse() *sources.Batch {
	b.mu.Lock()
	defer b.mu.Unlock()
	last := len(b.free) - 1
	if last < 0 {
		return nil
	}
	batch := b.free[last]
	b.free = b.free[:last]
	return batch
}
