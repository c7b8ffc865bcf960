package load

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"humpty/projector/ledger"
	"humpty/sources"
)

// partitionQueue is what the readers of a load share: the partitions that nobody has begun, and
// those being read, which a reader that finds no other may steal, so that the last and
// the largest do not leave connections idle.
type partitionQueue struct {
	view     sources.View
	budget   *budget
	accounts *ledger.Partitions
	deliver  func(context.Context, *sources.Batch) error

	mu      sync.Mutex
	changed *sync.Cond // by a segment that begins or ends, and by each batch
	changes int
	unread  []sources.Partition
	active  int // segments taken and not ended
	reading []*segment
}

// segment is a partition, or a part of one, that is being read. The parts of a partition
// have one id: it is done when all of them are.
type segment struct {
	sources.Partition
	reader sources.Reader
	read   int64 // rows so far
}

// readAll reads the partitions with the given number of readers; every batch is given to
// take, which owns it from then on and puts it back into the account.
func readAll(ctx context.Context, view sources.View, partitions []sources.Partition, readers int,
	account *budget, accounts *ledger.Partitions, take func(context.Context, *sources.Batch) error,
) error {
	q := &partitionQueue{view: view, budget: account, accounts: accounts, deliver: take, unread: slices.Clone(partitions)}
	q.changed = sync.NewCond(&q.mu)
	group, ctx := errgroup.WithContext(ctx)
	for range readers {
		group.Go(func() error {
			for {
				p, err := q.next(ctx)
				if p == nil || err != nil {
					return err
				}
				if err := q.read(ctx, p); err != nil {
					return fmt.Errorf("read partition %s: %w", p.ID, err)
				}
			}
		})
	}
	return group.Wait()
}

// next returns a segment to read, held: a partition that nobody has begun, or else the rest
// of one that is being read. It waits while there may be one, and returns nil at the end.
func (q *partitionQueue) next(ctx context.Context) (*segment, error) {
	q.mu.Lock()
	defer q.mu.Unlock()
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if len(q.unread) > 0 {
			p := &segment{Partition: q.unread[0]}
			q.unread = q.unread[1:]
			q.active++
			q.accounts.Acquire(p.ID)
			return p, nil
		}
		if q.active == 0 {
			return nil, nil
		}
		seen := q.changes
		if p, err := q.steal(ctx); p != nil || err != nil {
			return p, err
		}
		for seen == q.changes {
			q.changed.Wait()
		}
	}
}

// steal takes the rest of a segment away from its reader, of the one with most to do, as
// far as estimates tell, that gives some. Called with the lock held, which it lets go
// while a reader is asked.
func (q *partitionQueue) steal(ctx context.Context) (*segment, error) {
	candidates := slices.Clone(q.reading)
	slices.SortStableFunc(candidates, func(a, b *segment) int { return cmp.Compare(b.Rows-b.read, a.Rows-a.read) })
	for _, p := range candidates {
		splitter, ok := p.reader.(sources.Splitter)
		if !ok || !slices.Contains(q.reading, p) {
			continue
		}
		q.accounts.Acquire(p.ID) // before its reader can let it go
		q.mu.Unlock()
		rest, ok, err := splitter.Split(ctx)
		if !ok || err != nil {
			err = errors.Join(err, q.accounts.Done(p.ID))
		}
		q.mu.Lock()
		if err != nil {
			return nil, fmt.Errorf("split partition %s: %w", p.ID, err)
		}
		if ok {
			p.Rows -= rest.Rows
			q.active++
			return &segment{Partition: rest}, nil
		}
	}
	return nil, nil
}

// read reads a segment to its end.
func (q *partitionQueue) read(ctx context.Context, p *segment) (err error) {
	defer q.change(func() { q.active-- })
	if p.reader, err = q.view.Read(ctx, p.Partition, ""); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.reader.Close(ctx)) }()
	q.change(func() { q.reading = append(q.reading, p) })
	err = q.batches(ctx, p)
	q.change(func() { q.reading = slices.DeleteFunc(q.reading, func(o *segment) bool { return o == p }) })
	if err != nil {
		return err
	}
	return q.accounts.Done(p.ID) // only now, when nobody can ask for a part of it any more
}

func (q *partitionQueue) batches(ctx context.Context, p *segment) error {
	for {
		batch, err := q.budget.get(ctx)
		if err != nil {
			return err
		}
		if err := p.reader.Next(ctx, batch); err != nil {
			q.budget.put(batch)
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		batch.Partition = p.ID
		q.accounts.Acquire(p.ID)
		q.change(func() { p.read += batch.Counts.Read })
		if err := q.deliver(ctx, batch); err != nil {
			return err
		}
	}
}

func (q *partitionQueue) change(what func()) {
	q.mu.Lock()
	defer q.mu.Unlock()
	what()
	q.changes++
	q.changed.Broadcast()
}
