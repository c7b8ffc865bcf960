package fold

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"humpty/sources"
)

// Replay is how far a replay is.
type Replay struct {
	Events int64 `json:"events"` // read so far
	Total  int64 `json:"total"`  // estimate
	Bytes  int64 `json:"bytes"`  // read so far
	Disk   bool  `json:"disk"`   // the memory was not enough
}

// replay reads all events into the buckets.
type replay struct {
	view    *view
	inner   sources.View
	observe func(Replay)
	total   int64

	mu  sync.Mutex
	far Replay
}

// replayBatch is how many bytes of events are read at a time.
const replayBatch = 1 << 20

func (r *replay) run(ctx context.Context, plan sources.Plan) error {
	group, reading := errgroup.WithContext(ctx)
	group.SetLimit(max(plan.Readers, 1))
	for i := range plan.Partitions {
		if reading.Err() != nil {
			break
		}
		group.Go(func() error {
			if err := r.one(reading, i); err != nil {
				return fmt.Errorf("read partition %s: %w", plan.Partitions[i].ID, err)
			}
			return nil
		})
	}
	if err := group.Wait(); err != nil {
		return err
	}
	return context.Cause(ctx)
}

func (r *replay) one(ctx context.Context, source int) (err error) {
	reader, err := r.inner.Read(ctx, r.view.inputs[source].partition, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close(ctx)) }()
	batch, into := &sources.Batch{Limit: replayBatch}, &Decoded{}
	for {
		batch.Reset()
		if err := reader.Next(ctx, batch); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		if err := r.take(source, batch, into); err != nil {
			return err
		}
	}
}

// take decodes a batch and puts its events into the buckets.
func (r *replay) take(source int, batch *sources.Batch, into *Decoded) error {
	counts := sources.Counts{ // of what does not get into a bucket
		Read: batch.Counts.Filtered + batch.Counts.Orphaned + batch.Counts.Poison, Filtered: batch.Counts.Filtered,
		Orphaned: batch.Counts.Orphaned, Poison: batch.Counts.Poison, Rows: batch.Counts.Rows, Bytes: batch.Counts.Bytes,
	}
	v := r.view
	for i := range batch.Records {
		record := &batch.Records[i]
		e := entry{source: uint16(source), time: record.Time, offset: record.Offset}
		err := v.decode(record, into, &e)
		if err == nil {
			if err := v.buckets.put(&e); err != nil {
				return err
			}
			continue
		}
		counts.Read++
		var poison *Poison
		switch {
		case errors.Is(err, ErrFiltered):
			counts.Filtered++
		case errors.As(err, &poison):
			counts.Poison++
			if err := v.letter(place{e.source, e.offset}, record.Time, "", record.Key, record.Value, poison.Reason); err != nil {
				return err
			}
		default:
			return fmt.Errorf("offset %d: %w", record.Offset, err)
		}
	}
	v.meet(source, counts)
	r.tell(counts, int64(len(batch.Records)))
	return nil
}

// decode makes an entry of a record.
func (v *view) decode(record *sources.Record, d *Decoded, e *entry) error {
	if record.Reject != "" {
		return &Poison{Reason: record.Reject}
	}
	*d = Decoded{}
	if err := v.source.Decoder.Decode(record, d); err != nil {
		return err
	}
	if len(d.Key) == 0 {
		return &Poison{Reason: "the key is empty"}
	}
	if len(d.Key) > 1<<20 || len(d.Value) > 1<<30 {
		return &Poison{Reason: fmt.Sprintf("a key of %d and a value of %d bytes are too long", len(d.Key), len(d.Value))}
	}
	kind, ok := v.types.number(d.Type)
	if !ok {
		return &Poison{Reason: "more than 65,535 types of events: is the type looked for in the right place?"}
	}
	e.kind, e.key, e.value, e.deleted = kind, d.Key, d.Value, d.Deleted
	e.hash = xxh3.Hash(d.Key)
	return nil
}

func (r *replay) tell(counts sources.Counts, events int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.view.replayed.Add(counts)
	r.far.Events += events
	r.far.Bytes += counts.Bytes
	r.far.Total = max(r.total, r.far.Events)
	r.far.Disk = r.view.buckets.spilled.Load()
	if r.observe != nil {
		r.observe(r.far)
	}
}
