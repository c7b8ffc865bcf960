package fold

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"

	"humpty/projector/fold/spill"
	"humpty/sources"
)

// reader folds buckets one after the other and gives the documents.
type reader struct {
	builder
	view    *view
	bucket  int // the present one
	end     int // behind the last one
	pass    uint64
	pending sources.Counts // of the replay, to be told once

	resumed  bool
	lastHash uint64 // hash and key of the last document before
	lastKey  []byte

	open   bool // the present pass is grouped
	at     int  // the next group
	events spill.Reader
	quiet  bool             // nothing is booked, and no letters are written
	counts []sources.Counts // of each partition since they were told to the view
}

func (r *reader) Close(context.Context) error {
	r.flushCounts()
	r.events, r.entries = spill.Reader{}, nil
	return r.close()
}

func (r *reader) Next(ctx context.Context, b *sources.Batch) error {
	had, countsBefore := len(b.Records), b.Counts
	b.Counts.Add(r.pending)
	r.pending = sources.Counts{}
	for !b.Full() {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		if !r.open {
			if r.bucket >= r.end {
				break
			}
			if err := r.openPass(); err != nil {
				return fmt.Errorf("fold: %w", err)
			}
		}
		if r.at == len(r.events.Groups) {
			r.closePass()
			continue
		}
		if err := r.prepareGroups(ctx); err != nil {
			return fmt.Errorf("fold: %w", err)
		}
		of := r.events.Groups[r.at]
		r.at++
		if err := r.appendDocument(ctx, of, b); err != nil {
			return fmt.Errorf("fold: %w", err)
		}
		if b.Limit == 0 && len(b.Records)-had >= 1000 {
			break
		}
	}
	if len(b.Records) == had && b.Counts == countsBefore {
		return io.EOF
	}
	b.Position = r.position()
	return nil
}

// position is behind the last document; where there was none yet, at the start.
func (r *reader) position() sources.Position {
	if r.open && r.at > 0 {
		of := r.events.Groups[r.at-1]
		r.lastHash, r.lastKey = of.Hash, append(r.lastKey[:0], r.events.Key(of)...)
	} else if !r.open && r.bucket > 0 {
		r.lastHash, r.lastKey = uint64(r.bucket)<<56-1, append(r.lastKey[:0], 0xff) // behind all of the last bucket
	}
	dst := strconv.AppendUint(nil, r.lastHash, 16)
	return sources.Position(fmt.Sprintf("%s:%x", dst, r.lastKey))
}

// openPass groups the next pass over the present bucket.
func (r *reader) openPass() error {
	if err := r.events.Open(r.bucket, r.pass); err != nil {
		return err
	}
	r.open, r.at = true, 0
	return nil
}

// closePass goes on to the next pass, or bucket.
func (r *reader) closePass() {
	r.open = false
	r.flushCounts()
	r.pass++
	if r.pass == r.view.buckets.Passes(r.bucket) {
		r.view.reported[r.bucket].Store(true)
		r.bucket, r.pass = r.bucket+1, 0
	}
}

// appendDocument folds the events of one key and appends the record, if there is one.
func (r *reader) appendDocument(ctx context.Context, of spill.Group, b *sources.Batch) error {
	if _, wanted := r.entriesOf(of); !wanted {
		return nil
	}
	key := r.events.Key(of)
	found, err := r.build(ctx, key, b)
	if err != nil {
		return err
	}
	r.countOutcomes(found)
	if !found && r.view.delta != nil && (!r.view.source.Newest || r.anyApplied()) {
		b.Records = append(b.Records, sources.Record{Key: b.Hold(key), Deleted: true})
	}
	return nil
}

// entriesOf is the events of a key, in the memory of the last ones that were asked for; wanted
// is false for a key that is behind the reader, or that has no new ones.
func (r *reader) entriesOf(of spill.Group) (entries []spill.Entry, wanted bool) {
	if !r.after(of.Hash, r.events.Key(of)) {
		return nil, false
	}
	r.entries = r.events.Entries(of, r.entries[:0])
	return r.entries, r.view.delta == nil || r.view.delta.hasNew(r.entries)
}

// anyApplied reports whether any event was: poison alone decides nothing.
func (r *reader) anyApplied() bool { return slices.Contains(r.outcomes, applied) }

// reportPoison tells of an event that cannot be applied, the first time that it is met.
func (r *reader) reportPoison(e *spill.Entry, kind, reason string) error {
	if r.quiet || r.view.reported[r.bucket].Load() || r.view.delta.before(e) {
		return nil
	}
	return r.view.deadLetter(eventID{e.Partition, e.Offset}, e.Time, kind, e.Key, e.Value, reason)
}

// countOutcomes books the events of a document to their partitions: the first that was applied is
// used where there is a document, the others are folded. What was read before is booked
// already.
func (r *reader) countOutcomes(document bool) {
	if r.quiet || r.view.reported[r.bucket].Load() {
		return
	}
	if r.counts == nil {
		r.counts = make([]sources.Counts, len(r.view.inputs))
	}
	for i := range r.entries {
		if r.view.delta.before(&r.entries[i]) {
			continue
		}
		c := &r.counts[r.entries[i].Partition]
		c.Read++
		switch {
		case r.outcomes[i] == filtered:
			c.Filtered++
		case r.outcomes[i] == poisonous:
			c.Poison++
		case document:
			c.Used++
			document = false
		default:
			c.Folded++
		}
	}
}

// flushCounts hands over what was booked since the last time.
func (r *reader) flushCounts() {
	for i, c := range r.counts {
		if c != (sources.Counts{}) {
			r.view.addCounts(i, c)
		}
	}
	clear(r.counts)
}

// after reports whether a key comes behind the position of a reader that goes on.
func (r *reader) after(hash uint64, key []byte) bool {
	return !r.resumed || hash > r.lastHash || hash == r.lastHash && bytes.Compare(key, r.lastKey) > 0
}
