package projector

import (
	"context"
	"fmt"
	"sync"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"humpty/sinks"
	"humpty/sources"
)

// scanParts is how many slices of an index are read at once.
const scanParts = 4

// comparison holds a view of the source against an index.
type comparison struct {
	view       sources.View
	partitions []sources.Partition
	readers    int
	index      sinks.Index
	limits     Limits
	skip       map[string]bool // ids that are known not to be in the index: rejections within the limit
	progress   func(docs, bytes int64)

	mu          sync.Mutex
	docs, bytes int64
}

// seen is told of every document of one side. It is called from one goroutine for each
// value that visitor returns.
type seen func(id, routing, body []byte)

// both reads the two sides at once, each in parallel.
func (c *comparison) both(ctx context.Context, source, index func() (visit seen, done func())) error {
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return c.readSource(ctx, source) })
	group.Go(func() error { return c.scanIndex(ctx, index) })
	return group.Wait()
}

func (c *comparison) readSource(ctx context.Context, visitor func() (seen, func())) error {
	account := newBudget(c.limits.InFlight, fixed(c.limits.Batch), c.readers)
	take := func(_ context.Context, b *sources.Batch) error {
		visit, done := visitor()
		for i := range b.Records {
			r := &b.Records[i]
			if !r.Deleted && r.Reject == "" && !c.skip[string(r.Key)] {
				visit(r.Key, r.Routing, r.Value)
			}
		}
		done()
		account.put(b)
		return nil
	}
	return readAll(ctx, c.view, c.partitions, c.readers, account, take)
}

func (c *comparison) scanIndex(ctx context.Context, visitor func() (seen, func())) error {
	group, ctx := errgroup.WithContext(ctx)
	for part := range scanParts {
		group.Go(func() error {
			visit, done := visitor()
			defer done()
			err := c.index.Scan(ctx, part, scanParts, func(docs []sinks.Document) error {
				var bytes int64
				for i := range docs {
					visit(docs[i].ID, docs[i].Routing, docs[i].Body)
					bytes += int64(len(docs[i].Body))
				}
				c.count(int64(len(docs)), bytes)
				return nil
			})
			if err != nil {
				return fmt.Errorf("scan the index, slice %d of %d: %w", part, scanParts, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (c *comparison) count(docs, bytes int64) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.docs += docs
	c.bytes += bytes
	c.progress(c.docs, c.bytes)
}

// sum adds up both sides.
func (c *comparison) sum(ctx context.Context) (source, index *sums, err error) {
	source, index = new(sums), new(sums)
	err = c.both(ctx, adder(source), adder(index))
	return source, index, err
}

// adder gives each goroutine sums of its own and merges them when it is done.
func adder(total *sums) func() (seen, func()) {
	var mu sync.Mutex
	var free []*sums
	return func() (seen, func()) {
		mu.Lock()
		defer mu.Unlock()
		var own *sums
		if last := len(free) - 1; last >= 0 {
			own, free = free[last], free[:last]
		} else {
			own = new(sums)
		}
		return own.add, func() {
			mu.Lock()
			defer mu.Unlock()
			total.merge(own)
			*own = sums{}
			free = append(free, own)
		}
	}
}

// hashes is what one side has in the opened buckets: hash by id.
type hashes map[string]xxh3.Uint128

func collector(into hashes, open map[int]bool) func() (seen, func()) {
	var mu sync.Mutex
	visit := func(id, routing, body []byte) {
		bucket, hash := fingerprint(id, routing, body)
		if !open[bucket] {
			return
		}
		mu.Lock()
		defer mu.Unlock()
		into[string(id)] = hash
	}
	return func() (seen, func()) { return visit, func() {} }
}
