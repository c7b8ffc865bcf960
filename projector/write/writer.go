package write

import (
	"context"
	"time"

	"humpty/internal/crashpoint"
	"humpty/projector/ledger"
	"humpty/sinks"
	"humpty/sources"
)

// Writer writes documents that were read again, and books their verdicts.
type Writer struct {
	Index    sinks.Index
	Base     int64 // the version of what the load wrote
	ByRow    bool  // versions are those of rows: Rows writes, not Versioned
	Book     *ledger.Book
	Throttle Throttle
}

// Written is what became of documents that were read again.
type Written struct {
	Newer   [][]byte // ids of documents that hold a newer version than the one given to them: they are not as the source has them
	Unknown bool     // an attempt had no answer: it may still land, though it was made again
}

// Versioned writes what was read of so many ids since a moment, with a version above the base.
func (w *Writer) Versioned(ctx context.Context, batch *sources.Batch, asked int, version int64, since time.Time) (done Written, err error) {
	docs := Documents(nil, batch.Records, w.Base+version)
	verdicts := make([]sinks.Verdict, len(docs))
	receipt, err := w.Throttle.Do(ctx, docs, since, func() (sinks.Receipt, error) { return w.Index.Write(ctx, docs, verdicts) })
	if err := w.book(batch, asked, docs, verdicts, receipt, err); err != nil {
		return done, err
	}
	done.Unknown = unknown(receipt)
	for i, v := range verdicts {
		if v.Outcome == sinks.Superseded && docs[i].Version == w.Base+version {
			done.Newer = append(done.Newer, docs[i].ID)
		}
	}
	return done, nil
}

// book books what became of documents that were read again, unless their write failed.
func (w *Writer) book(batch *sources.Batch, asked int, docs []sinks.Document, verdicts []sinks.Verdict, receipt sinks.Receipt, err error) error {
	w.Book.AddInput(sources.Counts{ // what was asked for: also what is gone is an answer
		Read: int64(asked), Used: int64(len(batch.Records)), Rows: batch.Counts.Rows, Bytes: batch.Counts.Bytes,
	})
	w.Book.AddVerdicts(docs, verdicts, receipt)
	w.Book.AddRejected(batch.Records)
	if err == nil {
		err = decided(docs, verdicts)
	}
	if err == nil {
		crashpoint.At("marks written")
	}
	return err
}

// unknown reports whether an attempt had no answer. One that was refused because the target is full had.
func unknown(r sinks.Receipt) bool { return r.Retries > r.Throttled }

// IfUnchanged writes those documents, read since a moment, that still are as they were seen.
// unresolved is called with those that others wrote, or whose write had no answer.
func (w *Writer) IfUnchanged(ctx context.Context, index sinks.ConditionalWriter, docs []sinks.Document, seen []string,
	since time.Time, unresolved func(ids map[string]bool),
) error {
	verdicts := make([]sinks.Verdict, len(docs))
	receipt, err := w.Throttle.Do(ctx, docs, since, func() (sinks.Receipt, error) { return index.WriteIf(ctx, docs, seen, verdicts) })
	crashpoint.At("touched written")
	n := int64(len(docs))
	w.Book.AddInput(sources.Counts{Read: n, Used: n})
	w.Book.AddVerdicts(docs, verdicts, receipt)
	if err != nil {
		return err
	}
	ids := map[string]bool{}
	for i, v := range verdicts {
		if v.Outcome == sinks.Superseded || unknown(receipt) {
			ids[string(docs[i].ID)] = true
		}
	}
	unresolved(ids)
	return decided(docs, verdicts)
}
