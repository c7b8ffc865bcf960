package catchup

import (
	"context"
	"errors"

	"humpty/projector/report"
	"humpty/sources"
)

// lookup reads documents as they are now. One whose data the source cannot read is found by
// halves and becomes a record that is rejected: the others are read.
func (r *Rounds) lookup(ctx context.Context, ids [][]byte, batch *sources.Batch) error {
	err := r.View.Lookup(ctx, ids, batch)
	var fault *sources.DocumentError
	if !errors.As(err, &fault) {
		return err
	}
	saw := batch.Snapshot // the earliest: what it saw, the reads of the parts see
	batch.Reset()
	batch.Snapshot = saw
	if len(ids) == 1 {
		batch.Records = append(batch.Records, sources.Record{Key: batch.Hold(ids[0]), Reject: fault.Error()})
		return nil
	}
	for _, half := range [][][]byte{ids[:len(ids)/2], ids[len(ids)/2:]} {
		var part sources.Batch
		if err := r.lookup(ctx, half, &part); err != nil {
			return err
		}
		batch.Records = append(batch.Records, part.Records...)
		batch.Counts.Add(part.Counts)
	}
	return nil
}

// keepRefusals makes durable which documents are refused, before their marks are settled.
func (r *Rounds) keepRefusals() error {
	if r.Refusals == nil {
		return nil
	}
	return r.Refusals.Keep(r.Writer.Book.Refusals())
}

// retryRefused reads and writes again what is refused: the target's mapping may have changed,
// or somebody else put the document right.
func (r *Rounds) retryRefused(ctx context.Context) error {
	refused := r.Writer.Book.Refusals().First(-1)
	if len(refused) == 0 {
		return nil
	}
	l := r.Reread(ctx)
	for _, one := range refused {
		l.Add([]byte(one.ID), nil)
	}
	_, err := l.Wait(&report.Round{})
	return err
}
