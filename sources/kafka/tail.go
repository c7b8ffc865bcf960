package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"humpty/sources"
)

// checkEvery is how often a tail asks whether its topic still has the partitions it had.
const checkEvery = time.Minute

// tailReader is a reader whose fence moves with the log.
type tailReader struct {
	reader    *reader
	checkedAt time.Time
}

func (t *tailReader) Close(ctx context.Context) error { return t.reader.Close(ctx) }

// Next gives what there is, or after one answer without records the position alone.
func (t *tailReader) Next(ctx context.Context, b *sources.Batch) error {
	r := t.reader
	if since := time.Since(t.checkedAt); since > checkEvery {
		if err := r.view.checkPartitions(ctx); err != nil {
			return changesLost(fmt.Errorf("kafka: %w", err))
		}
		t.checkedAt = time.Now()
	}
	if r.at.offset >= r.fence && r.decoder.left == 0 && len(r.batches) == 0 {
		r.endChecked = true // it has no end to be checked
		if err := r.receive(ctx, b); err != nil {
			return changesLost(fmt.Errorf("kafka: %w", err))
		}
	}
	err := r.Next(ctx, b)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	b.Position = r.at.format()
	return changesLost(err)
}
