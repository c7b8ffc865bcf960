package projector

import (
	"context"
	"time"

	"humpty/projector/ledger"
	"humpty/projector/pace"
	"humpty/sinks"
	"humpty/sources"
)

// writer turns batches into documents and books their verdicts. One goroutine each.
type writer struct {
	run      *run
	account  *budget
	pace     *pace.Controller
	shares   *ledger.Partitions
	docs     []sinks.Document
	verdicts []sinks.Verdict
}

// drain writes batches, as the pace allows, until there are no more.
func (w *writer) drain(ctx context.Context, full <-chan *sources.Batch) error {
	n := w.run
	for {
		allowed, err := w.pace.Admit(ctx)
		if err != nil {
			return err
		}
		waited := time.Now()
		batch, ok := <-full
		if !ok {
			w.pace.Return()
			return nil
		}
		if err := n.rate.Wait(ctx, len(batch.Data)); err != nil {
			return err
		}
		starved := time.Since(waited)
		partition, size := batch.Partition, len(batch.Data)
		mark := n.rate.IdleCredit()
		receipt, err := w.write(ctx, batch)
		n.rate.Reconcile(int(receipt.Bytes)-size, mark)
		w.account.put(batch)
		w.pace.Done(receipt, starved, allowed)
		if err != nil {
			return err
		}
		if err := w.shares.Done(partition); err != nil {
			return err
		}
		if err := n.afterBatch(ctx); err != nil {
			return err
		}
	}
}

func (w *writer) write(ctx context.Context, batch *sources.Batch) (sinks.Receipt, error) {
	n := w.run
	n.ledger.AddInput(batch.Counts)
	w.docs = documents(w.docs[:0], batch.Records, n.base())
	n.ledger.AddRejected(batch.Records)
	w.verdicts = append(w.verdicts[:0], make([]sinks.Verdict, len(w.docs))...)
	receipt, err := n.candidate.Index.Write(ctx, w.docs, w.verdicts)
	sum := n.ledger.AddVerdicts(w.docs, w.verdicts, receipt)
	if err != nil {
		return receipt, err
	}
	if share := w.shares.Book(batch.Partition); share != nil {
		share.AddInput(batch.Counts)
		share.AddRejected(batch.Records)
		share.AddVerdicts(w.docs, w.verdicts, receipt)
	}
	n.observer.Progress(sum, n.earlier, n.input.Rows, w.pace.Setting().Requests, w.pace.LastDecision())
	if sum.Rejected > n.Projection.Limits.Rejections+ledger.HopelessExcess {
		return receipt, n.ledger.TooMany(n.Projection.Limits.Rejections)
	}
	return receipt, nil
}

// documents appends what is to be written for records, rejected ones left out; versions
// are base, or the record's own.
func documents(docs []sinks.Document, records []sources.Record, base int64) []sinks.Document {
	for i := range records {
		r := &records[i]
		if r.Reject != "" {
			continue
		}
		version := base
		if r.Version != 0 {
			version = r.Version
		}
		body := r.Value
		if r.Deleted {
			body = nil
		}
		docs = append(docs, sinks.Document{ID: r.Key, Routing: r.Routing, Version: version, Body: body})
	}
	return docs
}
