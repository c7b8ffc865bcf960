package write

import (
	"context"

	"humpty/projector/ledger"
	"humpty/sinks"
	"humpty/sources"
)

// Loader writes the batches of a load, and books them for the run and for their partitions.
// It is for one goroutine.
type Loader struct {
	Index    sinks.Index
	Base     int64 // version of documents that have none of their own
	ByRow    bool  // versions are those of rows: what the index has newer is a document that its row fell behind
	Book     *ledger.Book
	Accounts *ledger.Partitions

	docs     []sinks.Document
	verdicts []sinks.Verdict
}

// Write writes a batch, and returns the sums so far.
func (l *Loader) Write(ctx context.Context, batch *sources.Batch) (sum ledger.Ledger, receipt sinks.Receipt, err error) {
	l.Book.AddInput(batch.Counts)
	l.docs = Documents(l.docs[:0], batch.Records, l.Base)
	l.Book.AddRejected(batch.Records)
	l.verdicts = append(l.verdicts[:0], make([]sinks.Verdict, len(l.docs))...)
	receipt, err = l.Index.Write(ctx, l.docs, l.verdicts)
	if l.ByRow {
		refuseSuperseded(l.docs, l.verdicts)
	}
	sum = l.Book.AddVerdicts(l.docs, l.verdicts, receipt)
	if err != nil {
		return sum, receipt, err
	}
	if account := l.Accounts.Book(batch.Partition); account != nil {
		account.AddInput(batch.Counts)
		account.AddRejected(batch.Records)
		account.AddVerdicts(l.docs, l.verdicts, receipt)
	}
	return sum, receipt, nil
}
