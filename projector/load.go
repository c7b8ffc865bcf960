package projector

import (
	"context"

	"humpty/internal/crashpoint"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/load"
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
	view, err := load.Open(ctx, n.reads(), n.observer)
	if err != nil {
		return err
	}
	n.view = view
	if fenced, ok := view.(sources.EndOffsets); ok {
		n.candidate.Meta.Positions = generation.FormatPositions(fenced.EndOffsets())
		n.record.Positions = n.candidate.Meta.Positions
	}

	readers, writers := max(n.input.Readers, 1), n.Projection.Limits.Writers
	controller := pace.NewLoad(n.came, writers, n.Projection.Limits.Batch, n.candidate.Index)
	brake := pace.NewBrake(n.Target, n.Projection.Limits.Brake, controller, n.rate, n.observer.Notice)
	n.shares = ledger.NewPartitions(n.Projection.Limits.Rejections, n.journal.Sums(), n.journal.PartitionDone())
	err = brake.During(ctx, func(ctx context.Context) error {
		return load.Run(ctx, load.Options{
			View: view, Partitions: n.journal.Undone(n.input.Partitions), Readers: readers, Writers: writers, InFlight: n.Projection.Limits.InFlight,
			Index: n.candidate.Index, Base: n.base(), Book: n.ledger, Accounts: n.shares, MaxRejections: n.Projection.Limits.Rejections,
			Pace: controller, Limiter: n.rate, AfterBatch: n.afterBatch,
			Progress: func(sum ledger.Ledger) {
				n.observer.Progress(sum, n.earlier, n.input.Rows, controller.Setting().Requests, controller.LastDecision())
			},
		})
	})
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
