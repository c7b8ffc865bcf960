package projector

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

// work is what the readers of a pass share: the partitions that nobody has begun, and
// those being read, which a reader that finds no other may split, so that the last and
// the largest do not leave connections idle.
type work struct {
	view    sources.View
	account *budget
	shares  *ledger.Partitions
	take    func(context.Context, *sources.Batch) error

	mu      sync.Mutex
	changed *sync.Cond // by a piece that begins or ends, and by each batch
	changes int
	left    []sources.Partition
	busy    int // pieces taken and not ended
	reading []*piece
}

// piece is a partition, or a part of one, that is being read. The parts of a partition
// have one id: it is done when all of them are.
type piece struct {
	sources.Partition
	reader sources.Reader
	read   int64 // rows so far
}

// readAll reads the partitions with the given number of readers; every batch is given to
// take, which owns it from then on and puts it back into the account.
func readAll(ctx context.Context, view sources.View, partitions []sources.Partition, readers int,
	account *budget, shares *ledger.Partitions, take func(context.Context, *sources.Batch) error,
) error {
	w := &work{view: view, account: account, shares: shares, take: take, left: slices.Clone(partitions)}
	w.changed = sync.NewCond(&w.mu)
	group, ctx := errgroup.WithContext(ctx)
	for range readers {
		group.Go(func() error {
			for {
				p, err := w.next(ctx)
				if p == nil || err != nil {
					return err
				}
				if err := w.do(ctx, p); err != nil {
					return fmt.Errorf("read partition %s: %w", p.ID, err)
				}
			}
		})
	}
	return group.Wait()
}

// next returns a piece to read, held: a partition that nobody has begun, or else the rest
// of one that is being read. It waits while there may be one, and returns nil at the end.
func (w *work) next(ctx context.Context) (*piece, error) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for {
		if ctx.Err() != nil {
			return nil, context.Cause(ctx)
		}
		if len(w.left) > 0 {
			p := &piece{Partition: w.left[0]}
			w.left = w.left[1:]
			w.busy++
			w.shares.Acquire(p.ID)
			return p, nil
		}
		if w.busy == 0 {
			return nil, nil
		}
		seen := w.changes
		if p, err := w.split(ctx); p != nil || err != nil {
			return p, err
		}
		for seen == w.changes {
			w.changed.Wait()
		}
	}
}

// split takes the rest of a piece away from its reader, of the one with most to do, as
// far as estimates tell, that gives some. Called with the lock held, which it lets go
// while a reader is asked.
func (w *work) split(ctx context.Context) (*piece, error) {
	candidates := slices.Clone(w.reading)
	slices.SortStableFunc(candidates, func(a, b *piece) int { return cmp.Compare(b.Rows-b.read, a.Rows-a.read) })
	for _, p := range candidates {
		splitter, ok := p.reader.(sources.Splitter)
		if !ok || !slices.Contains(w.reading, p) {
			continue
		}
		w.shares.Acquire(p.ID) // before its reader can let it go
		w.mu.Unlock()
		rest, ok, err := splitter.Split(ctx)
		if !ok || err != nil {
			err = errors.Join(err, w.shares.Done(p.ID))
		}
		w.mu.Lock()
		if err != nil {
			return nil, fmt.Errorf("split partition %s: %w", p.ID, err)
		}
		if ok {
			p.Rows -= rest.Rows
			w.busy++
			return &piece{Partition: rest}, nil
		}
	}
	return nil, nil
}

// do reads a piece to its end.
func (w *work) do(ctx context.Context, p *piece) (err error) {
	defer w.change(func() { w.busy-- })
	if p.reader, err = w.view.Read(ctx, p.Partition, ""); err != nil {
		return err
	}
	defer func() { err = errors.Join(err, p.reader.Close(ctx)) }()
	w.change(func() { w.reading = append(w.reading, p) })
	err = w.batches(ctx, p)
	w.change(func() { w.reading = slices.DeleteFunc(w.reading, func(o *piece) bool { return o == p }) })
	if err != nil {
		return err
	}
	return w.shares.Done(p.ID) // only now, when nobody can ask for a part of it any more
}

func (w *work) batches(ctx context.Context, p *piece) error {
	for {
		batch, err := w.account.get(ctx)
		if err != nil {
			return err
		}
		if err := p.reader.Next(ctx, batch); err != nil {
			w.account.put(batch)
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		batch.Partition = p.ID
		w.shares.Acquire(p.ID)
		w.change(func() { p.read += batch.Counts.Read })
		if err := w.take(ctx, batch); err != nil {
			return err
		}
	}
}

func (w *work) change(what func()) {
	w.mu.Lock()
	defer w.mu.Unlock()
	what()
	w.changes++
	w.changed.Broadcast()
}
