package projector

import (
	"context"

	"golang.org/x/sync/errgroup"

	"humpty/internal/crashpoint"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/pace"
	"humpty/sinks"
	"humpty/sources"
)

// load reads every partition once and writes what it gives.
func (n *run) load(ctx context.Context) error {
	if err := n.candidate.Note(ctx, sinks.Loading); err != nil {
		return err
	}
	crashpoint.At("load noted")
	if err := n.recount(ctx); err != nil {
		return err
	}
	view, err := open(ctx, n.reads(), n.observer)
	if err != nil {
		return err
	}
	n.view = view
	if fenced, ok := view.(sources.EndOffsets); ok {
		n.candidate.Meta.Positions = generation.FormatPositions(fenced.EndOffsets())
		n.record.Positions = n.candidate.Meta.Positions
	}
	if n.candidate.Meta.Starts == nil { // a resumed run goes on from those that it began with
		n.candidate.Meta.Starts = readFrom(n.input.Starts)
	}

	readers, writers := max(n.input.Readers, 1), n.Projection.Limits.Writers
	controller := pace.NewLoad(n.came, writers, n.Projection.Limits.Batch, n.candidate.Index)
	brake := pace.NewBrake(n.Target, n.Projection.Limits.Brake, controller, n.rate, n.observer.Notice)
	err = brake.During(ctx, func(ctx context.Context) error { return n.pump(ctx, controller, readers, writers) })
	n.record.Pace = append(n.record.Pace, controller.Decisions()...)
	n.came = controller.Setting()
	n.record.Inputs = n.shares.Inputs(view)
	n.pass("load")
	if err != nil {
		return err
	}
	n.loaded()
	if err := n.intact(ctx); err != nil {
		return err
	}
	return n.gateLoad()
}

// pump reads and writes side by side until everything is read and has its verdict.
func (n *run) pump(ctx context.Context, controller *pace.Controller, readers, writers int) error {
	full := make(chan *sources.Batch)
	account := newBudget(n.Projection.Limits.InFlight, func() int { return controller.Setting().Batch }, readers+writers)
	lingering, release := linger(ctx)
	defer release()
	group, writing := errgroup.WithContext(lingering)
	reading, stop := within(ctx, writing)
	defer stop()
	n.shares = ledger.NewPartitions(n.Projection.Limits.Rejections, n.journal.Sums(), n.journal.PartitionDone())
	var unread error
	group.Go(func() error {
		defer close(full)
		unread = readAll(reading, n.view, n.journal.Undone(n.input.Partitions), readers, account, n.shares, func(ctx context.Context, b *sources.Batch) error {
			select {
			case full <- b:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		return nil
	})
	for range writers {
		w := &writer{run: n, account: account, pace: controller, shares: n.shares}
		group.Go(func() error { return w.drain(writing, full) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return unread
}
