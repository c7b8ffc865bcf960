package fold

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"humpty/projector/fold/spill"
	"humpty/sources"
)

// ReplayProgress is how far a replay is.
type ReplayProgress struct {
	Events int64 `json:"events"` // read so far
	Total  int64 `json:"total"`  // estimate
	Bytes  int64 `json:"bytes"`  // read so far
	Disk   bool  `json:"disk"`   // the memory was not enough
}

// replay reads all events once.
type replay struct {
	inputs     []input
	inner      sources.View
	consume    func(source int, batch *sources.Batch, into *Decoded) (sources.Counts, error) // what was met that made no event
	onProgress func(ReplayProgress)
	total      int64
	disk       *atomic.Bool
	from       map[string]sources.Position // by partition; its start where there is none
	account    *account                    // of what is read; nil: of what was read before
	fences     map[string]sources.Position // where the partitions end
	until      []int64                     // offsets before which each partition is read, 0: not at all; nil: all to their ends

	mu      sync.Mutex
	status  ReplayProgress
	counted sources.Counts              // the sum of what take gave
	ended   map[string]sources.Position // behind the last batch of each partition that had one
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
			if err := r.readPartition(reading, i); err != nil {
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

func (r *replay) readPartition(ctx context.Context, source int) (err error) {
	p := r.inputs[source].partition
	if r.until != nil && r.until[source] == 0 {
		return nil
	}
	reader, err := r.inner.Read(ctx, p, r.from[p.ID])
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close(ctx)) }()
	r.beginAccount(p.ID)
	batch, into := &sources.Batch{Limit: replayBatch}, &Decoded{}
	for {
		batch.Reset()
		if err := reader.Next(ctx, batch); errors.Is(err, io.EOF) {
			return r.endAccount(p.ID)
		} else if err != nil {
			return err
		}
		if r.account != nil {
			if err := r.account.add(p.ID, batch); err != nil {
				return err
			}
		}
		r.noteEnd(p.ID, batch.Position)
		last := r.cut(source, batch)
		counts, err := r.consume(source, batch, into)
		if err != nil {
			return err
		}
		r.addProgress(counts, int64(len(batch.Records)))
		if last {
			return nil
		}
	}
}

// beginAccount opens the account where the partition begins, or where it is read from.
func (r *replay) beginAccount(partition string) {
	if r.account == nil {
		return
	}
	if from, ok := r.from[partition]; ok {
		r.account.begin(partition, from)
	} else if log, ok := r.inner.(sources.Tailer); ok {
		r.account.begin(partition, log.BeginningOffset(partition))
	}
}

func (r *replay) endAccount(partition string) error {
	if r.account == nil {
		return nil
	}
	return r.account.ended(partition, r.fences[partition])
}

func (r *replay) noteEnd(partition string, at sources.Position) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.ended == nil {
		r.ended = map[string]sources.Position{}
	}
	r.ended[partition] = at
}

// refine replaces fences by where the replay came to, which is the same offset and may say
// more of it.
func (r *replay) refine(fences map[string]sources.Position) {
	for id, at := range r.ended {
		fence, err1 := sources.OffsetOf(fences[id])
		came, err2 := sources.OffsetOf(at)
		if err1 == nil && err2 == nil && fence == came {
			fences[id] = at
		}
	}
}

// cut takes off a batch what is not to be read, and reports whether there was any.
func (r *replay) cut(source int, batch *sources.Batch) bool {
	if r.until == nil {
		return false
	}
	for i := range batch.Records {
		if batch.Records[i].Offset >= r.until[source] {
			batch.Records = batch.Records[:i]
			return true
		}
	}
	return false
}

func (r *replay) addProgress(counts sources.Counts, events int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.counted.Add(counts)
	r.status.Events += events
	r.status.Bytes += counts.Bytes
	r.status.Total = max(r.total, r.status.Events)
	r.status.Disk = r.disk.Load()
	if r.onProgress != nil {
		r.onProgress(r.status)
	}
}

// entrySink is where the events of a batch go.
type entrySink interface {
	put(e *spill.Entry) error
	deadLetter(at eventID, time int64, kind string, key, value []byte, reason string) error // of an event that cannot be read
}

// batchDecoder makes entries of records: the decoder of the source, and numbers for the types
// that it finds.
type batchDecoder struct {
	decoder Decoder
	types   *typeNumbers
}

// decodeBatch decodes a batch and gives its events to where they go; the counts are of what made
// none.
func (d *batchDecoder) decodeBatch(source int, batch *sources.Batch, into *Decoded, to entrySink) (sources.Counts, error) {
	counts := sources.Counts{
		Read: batch.Counts.Filtered + batch.Counts.Orphaned + batch.Counts.Poison, Filtered: batch.Counts.Filtered,
		Orphaned: batch.Counts.Orphaned, Poison: batch.Counts.Poison, Rows: batch.Counts.Rows, Bytes: batch.Counts.Bytes,
	}
	for i := range batch.Records {
		record := &batch.Records[i]
		e := spill.Entry{Partition: uint16(source), Time: record.Time, Offset: record.Offset}
		err := d.decodeRecord(record, into, &e)
		if err == nil {
			if err := to.put(&e); err != nil {
				return counts, err
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
			if err := to.deadLetter(eventID{e.Partition, e.Offset}, record.Time, "", record.Key, record.Value, poison.Reason); err != nil {
				return counts, err
			}
		default:
			return counts, fmt.Errorf("offset %d: %w", record.Offset, err)
		}
	}
	return counts, nil
}

// decodeRecord makes an entry of a record.
func (d *batchDecoder) decodeRecord(record *sources.Record, into *Decoded, e *spill.Entry) error {
	if record.Reject != "" {
		return &Poison{Reason: record.Reject}
	}
	*into = Decoded{}
	if err := d.decoder.Decode(record, into); err != nil {
		return err
	}
	if len(into.Key) == 0 {
		return &Poison{Reason: "the key is empty"}
	}
	if len(into.Key) > 1<<20 || len(into.Value) > 1<<30 {
		return &Poison{Reason: fmt.Sprintf("a key of %d and a value of %d bytes are too long", len(into.Key), len(into.Value))}
	}
	kind, ok := d.types.numberOf(into.Type)
	if !ok {
		return &Poison{Reason: "more than 65,535 types of events: is the type looked for in the right place?"}
	}
	e.Type, e.Key, e.Value, e.Deleted = kind, into.Key, into.Value, into.Deleted
	e.Hash = xxh3.Hash(into.Key)
	return nil
}
