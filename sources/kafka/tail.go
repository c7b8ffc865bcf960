package kafka

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"time"

	"humpty/sources"
)

var _ sources.Tailer = (*view)(nil)

// Tail reads a partition behind its fence, without an end.
func (v *view) Tail(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	inner, err := v.Read(ctx, p, from)
	if err != nil {
		return nil, err
	}
	r, ok := inner.(*reader)
	if !ok {
		return nil, errors.New("kafka: a partition has no reader")
	}
	v.tailed.Store(true)
	r.tail, r.fence = true, r.position
	return &tail{reader: r}, nil
}

// LatestOffsets are behind everything that is in the log now, transactions that are under way
// included: a broker says that one is committed before its last stable offset has passed
// it, and whoever committed it may have gone on, and counts on it.
func (v *view) LatestOffsets(ctx context.Context) (map[string]sources.Position, error) {
	l, all, err := v.source.bounds(ctx)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	if err := v.grow(l, all); err != nil {
		return nil, gapOf(err)
	}
	ends := make(map[string]sources.Position, len(all))
	for p, b := range all {
		ends[p.String()] = sources.Position(strconv.FormatInt(b.end, 10))
	}
	return ends, nil
}

// grow takes in partitions that were not there when the view was opened: who tails it reads
// them from their start.
func (v *view) grow(l layout, all map[place]bounds) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := noFewer(v.counts, l.counts); err != nil {
		return err
	}
	for p, b := range all {
		if _, known := v.all[p.String()]; !known {
			b.fence = b.from
			v.all[p.String()] = captured{p, b}
		}
	}
	v.counts = l.counts
	return nil
}

// BeginningOffset is where a partition is read from that nobody has read of.
func (v *view) BeginningOffset(partition string) sources.Position {
	v.mu.Lock()
	defer v.mu.Unlock()
	return sources.Position(strconv.FormatInt(v.all[partition].from, 10))
}

// OffsetLag counts offsets: markers and compaction make them more than records.
func (v *view) OffsetLag(from, to sources.Position) int64 {
	a, err1 := strconv.ParseInt(string(from), 10, 64)
	b, err2 := strconv.ParseInt(string(to), 10, 64)
	if err1 != nil || err2 != nil {
		return 0
	}
	return max(b-a, 0)
}

// lookEvery is how often a tail asks whether its topic still has the partitions it had.
const lookEvery = time.Minute

// tail is a reader whose fence moves with the log.
type tail struct {
	reader *reader
	looked time.Time
}

func (t *tail) Close(ctx context.Context) error { return t.reader.Close(ctx) }

// Next gives what there is, or after one answer without records the position alone.
func (t *tail) Next(ctx context.Context, b *sources.Batch) error {
	r := t.reader
	if since := time.Since(t.looked); since > lookEvery {
		if err := r.view.unchanged(ctx); err != nil {
			return gapOf(fmt.Errorf("kafka: %w", err))
		}
		t.looked = time.Now()
	}
	if r.position >= r.fence && r.decoder.left == 0 && len(r.batches) == 0 {
		r.sound = true // it has no end to be checked
		if err := r.receive(ctx, b); err != nil {
			return gapOf(fmt.Errorf("kafka: %w", err))
		}
	}
	err := r.Next(ctx, b)
	if errors.Is(err, io.EOF) {
		err = nil
	}
	b.Position = sources.Position(strconv.FormatInt(r.position, 10))
	return gapOf(err)
}

// gapOf makes a gap of errors that say that something is missing.
func gapOf(err error) error {
	var lost *Lost
	var changed *Changed
	if errors.As(err, &lost) || errors.As(err, &changed) {
		return &sources.ErrChangesLost{Why: err.Error(), Remedy: "what was read cannot be trusted to be complete: start a new rebuild"}
	}
	return err
}
