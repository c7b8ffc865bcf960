package fold

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"humpty/sources"
)

// reader folds buckets one after the other and gives the documents.
type reader struct {
	view   *view
	fold   Fold
	bucket int // the present one
	end    int // behind the last one
	pass   uint64
	owes   sources.Counts // of the replay, to be told once

	resumed   bool
	behind    uint64 // hash and key of the last document before
	behindKey []byte

	open    bool // the present pass is grouped
	at      int  // the next group
	group   grouping
	loader  loader
	entries []entry
	event   Event
	quiet   bool             // nothing is booked, and no letters are written
	fates   []fate           // of the entries
	met     []sources.Counts // of each partition since they were told to the view
}

func (r *reader) Close(context.Context) error {
	r.tell()
	r.group, r.loader, r.entries = grouping{}, loader{}, nil
	return nil
}

func (r *reader) Next(ctx context.Context, b *sources.Batch) error {
	had, met := len(b.Records), b.Counts
	b.Counts.Add(r.owes)
	r.owes = sources.Counts{}
	for !b.Full() {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if !r.open {
			if r.bucket >= r.end {
				break
			}
			if err := r.enter(); err != nil {
				return fmt.Errorf("fold: %w", err)
			}
		}
		if r.at == len(r.group.groups) {
			r.leave()
			continue
		}
		of := r.group.groups[r.at]
		r.at++
		if err := r.document(of, b); err != nil {
			return fmt.Errorf("fold: %w", err)
		}
		if b.Limit == 0 && len(b.Records)-had >= 1000 {
			break
		}
	}
	if len(b.Records) == had && b.Counts == met {
		return io.EOF
	}
	b.Position = r.position()
	return nil
}

// position is behind the last document; where there was none yet, at the start.
func (r *reader) position() sources.Position {
	if r.open && r.at > 0 {
		of := r.group.groups[r.at-1]
		r.behind, r.behindKey = of.hash, append(r.behindKey[:0], r.group.key(of)...)
	} else if !r.open && r.bucket > 0 {
		r.behind, r.behindKey = uint64(r.bucket)<<56-1, append(r.behindKey[:0], 0xff) // behind all of the last bucket
	}
	dst := strconv.AppendUint(nil, r.behind, 16)
	return sources.Position(fmt.Sprintf("%s:%x", dst, r.behindKey))
}

// enter groups the next pass over the present bucket.
func (r *reader) enter() error {
	b := &r.view.buckets.all[r.bucket]
	from, to := span(r.bucket, r.pass, r.view.passes(b))
	blocks := b.blocks
	if b.file != nil {
		var err error
		if blocks, err = r.loader.load(b.file, b.filed, from, to); err != nil {
			return fmt.Errorf("read events back from disk: %w", err)
		}
	}
	r.group.byKey(blocks, from, to)
	r.open, r.at = true, 0
	return nil
}

// leave goes on to the next pass, or bucket.
func (r *reader) leave() {
	r.open = false
	r.tell()
	r.pass++
	if r.pass == r.view.passes(&r.view.buckets.all[r.bucket]) {
		r.view.buckets.all[r.bucket].told.Store(true)
		r.bucket, r.pass = r.bucket+1, 0
	}
}

// document folds the events of one key and appends the record, if there is one.
func (r *reader) document(of group, b *sources.Batch) error {
	key := r.group.key(of)
	if !r.after(of.hash, key) {
		return nil
	}
	r.entries = r.group.entries(of, r.entries[:0])
	b.Counts.Read += int64(len(r.entries))
	var counts sources.Counts
	reject, err := r.apply(key, &counts)
	if err != nil {
		return fmt.Errorf("document %s: %w", key, err)
	}
	applied := int64(len(r.entries)) - counts.Poison - counts.Filtered
	b.Counts.Poison += counts.Poison
	b.Counts.Filtered += counts.Filtered
	if applied == 0 {
		r.trace(false)
		return nil
	}
	start := len(b.Data)
	alive := true
	if reject == "" && len(key) > longestID {
		reject = fmt.Sprintf("its id has %d bytes, at most %d are allowed", len(key), longestID)
	}
	if reject == "" {
		var out []byte
		if out, alive, err = r.fold.Append(b.Data); err == nil {
			b.Data = out
		} else if reject, err = rejectedBy(err); err != nil {
			return fmt.Errorf("document %s: %w", key, err)
		}
	}
	if !alive && reject == "" {
		b.Data = b.Data[:start]
		b.Counts.Folded += applied
		r.trace(false)
		return nil
	}
	r.trace(true)
	b.Counts.Used++
	b.Counts.Folded += applied - 1
	record := sources.Record{Reject: reject}
	if reject == "" {
		record.Value = b.Data[start:len(b.Data):len(b.Data)]
	} else {
		b.Data = b.Data[:start]
	}
	record.Key = b.Hold(key)
	b.Records = append(b.Records, record)
	return nil
}

// rejectedBy is the reason of a Poison; another error stays one.
func rejectedBy(err error) (reason string, _ error) {
	var poison *Poison
	if errors.As(err, &poison) {
		return poison.Reason, nil
	}
	return "", err
}

// longestID is what Elasticsearch and OpenSearch take.
const longestID = 512

// dirtyRounds bounds how often a document is made again.
const dirtyRounds = 100

// apply folds the entries. What became poison is taken out of r.entries only to be left
// out when a document is made again; the counts have it.
func (r *reader) apply(key []byte, counts *sources.Counts) (reject string, err error) {
	skip := map[int]bool(nil)
	for round := 0; ; round++ {
		*counts = sources.Counts{Poison: int64(len(skip))}
		if err := r.fold.Begin(key, nil); err != nil {
			return "", err
		}
		dirty := -1
		r.fates = append(r.fates[:0], make([]fate, len(r.entries))...)
		for i := range r.entries {
			if skip[i] {
				r.fates[i] = poisonous
				continue
			}
			if dirty, err = r.step(i, counts); err != nil {
				return "", err
			}
			if dirty >= 0 {
				break
			}
		}
		switch {
		case dirty < 0:
			return "", nil
		case round == dirtyRounds:
			return fmt.Sprintf("more than %d of its events are poison", dirtyRounds), nil
		case skip == nil:
			skip = map[int]bool{}
		}
		skip[dirty] = true
	}
}

// step applies entry i, and returns it as dirty if the document has to be made again.
func (r *reader) step(i int, counts *sources.Counts) (dirty int, err error) {
	e := &r.entries[i]
	in := &r.view.inputs[e.source]
	r.event = Event{
		Topic: in.topic, Partition: in.number, Offset: e.offset, Time: e.time, Type: r.view.types.names[e.kind],
		Key: e.key, Value: e.value, Deleted: e.deleted,
	}
	err = r.fold.Apply(&r.event)
	if err == nil {
		return -1, nil
	}
	if errors.Is(err, ErrFiltered) {
		counts.Filtered++
		r.fates[i] = filtered
		return -1, nil
	}
	var poison *Poison
	if !errors.As(err, &poison) {
		return -1, fmt.Errorf("event of %s, partition %d, offset %d: %w", in.topic, in.number, e.offset, err)
	}
	counts.Poison++
	r.fates[i] = poisonous
	if !r.quiet && !r.view.buckets.all[r.bucket].told.Load() {
		if err := r.view.letter(place{e.source, e.offset}, e.time, r.event.Type, e.key, e.value, poison.Reason); err != nil {
			return -1, err
		}
	}
	if poison.Dirty {
		return i, nil
	}
	return -1, nil
}
