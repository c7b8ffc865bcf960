// Package load reads the partitions of a source in parallel and writes what they give, within
// one budget of bytes, until everything is read and has its verdict.
package load

import (
	"context"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/projector/ledger"
	"humpty/projector/pace"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// Options of a load.
type Options struct {
	View       sources.View
	Partitions []sources.Partition // to be read
	Readers    int
	Writers    int
	InFlight   int64 // bytes between source and target

	Index         sinks.Index
	Base          int64 // version of documents that have none of their own
	ByRow         bool  // they have those of their rows
	Book          *ledger.Book
	Accounts      *ledger.Partitions // the same by partition
	MaxRejections int64              // far more than these end the load before its end

	Pace    *pace.Controller
	Limiter *pace.Limiter

	AfterBatch func(ctx context.Context) error // called by each writer after each batch
	Progress   func(sum ledger.Ledger)         // told the sums so far
}

// batchSize is the size that the pace asks for, or less: each reader and writer holds a batch, and
// all of them are within what may be in flight.
func (o *Options) batchSize(asked int) int {
	if o.InFlight <= 0 {
		return asked
	}
	return min(asked, max(int(o.InFlight/int64(max(o.Readers+o.Writers, 1))), 1))
}

// Run reads and writes side by side until everything is read and has its verdict. When ctx
// ends, or the source fails, what was read may still be written for a while.
func Run(ctx context.Context, o Options) error {
	full := make(chan *sources.Batch)
	budget := newBudget(o.InFlight, func() int { return o.batchSize(o.Pace.Setting().Batch) }, o.Readers+o.Writers)
	longer, release := withGracePeriod(ctx)
	defer release()
	group, writing := errgroup.WithContext(longer)
	reading, stop := mergeCancel(ctx, writing)
	defer stop()
	var unread error
	group.Go(func() error {
		defer close(full)
		unread = readAll(reading, o.View, o.Partitions, o.Readers, budget, o.Accounts, func(ctx context.Context, b *sources.Batch) error {
			select {
			case full <- b:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		return nil
	})
	for range o.Writers {
		w := &writer{
			options: o, budget: budget,
			loader: write.Loader{Index: o.Index, Base: o.Base, ByRow: o.ByRow, Book: o.Book, Accounts: o.Accounts},
		}
		group.Go(func() error { return w.drain(writing, full) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return unread
}

// writer writes batches. One goroutine each.
type writer struct {
	options Options
	budget  *budget
	loader  write.Loader
}

// drain writes batches, as the pace allows, until there are no more.
func (w *writer) drain(ctx context.Context, full <-chan *sources.Batch) error {
	o := &w.options
	for {
		allowed, err := o.Pace.Admit(ctx)
		if err != nil {
			return err
		}
		waited := time.Now()
		batch, ok := <-full
		if !ok {
			o.Pace.Return()
			return nil
		}
		if err := o.Limiter.Wait(ctx, len(batch.Data)); err != nil {
			return err
		}
		starved := time.Since(waited)
		partition, size := batch.Partition, len(batch.Data)
		credit := o.Limiter.IdleCredit()
		receipt, err := w.write(ctx, batch)
		o.Limiter.Reconcile(int(receipt.Bytes)-size, credit)
		w.budget.put(batch)
		o.Pace.Done(receipt, starved, allowed)
		if err != nil {
			return err
		}
		if err := o.Accounts.Done(partition); err != nil {
			return err
		}
		if err := o.AfterBatch(ctx); err != nil {
			return err
		}
	}
}

func (w *writer) write(ctx context.Context, batch *sources.Batch) (sinks.Receipt, error) {
	sum, receipt, err := w.loader.Write(ctx, batch)
	if err != nil {
		return receipt, err
	}
	w.options.Progress(sum)
	if limit := w.options.MaxRejections; sum.Rejected > limit+ledger.HopelessExcess {
		return receipt, w.options.Book.TooMany(limit)
	}
	return receipt, nil
}
