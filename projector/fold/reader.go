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
	maker
	view   *view
	bucket int // the present one
	end    int // behind the last one
	pass   uint64
	owes   sources.Counts // of the replay, to be told once

	resumed   bool
	behind    uint64 // hash and key of the last document before
	behindKey []byte

	open   bool // the present pass is grouped
	at     int  // the next group
	events spill.Reader
	quiet  bool             // nothing is booked, and no letters are written
	met    []sources.Counts // of each partition since they were told to the view
}

func (r *reader) Close(context.Context) error {
	r.tell()
	r.events, r.entries = spill.Reader{}, nil
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
		if r.at == len(r.events.Groups) {
			r.leave()
			continue
		}
		of := r.events.Groups[r.at]
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
		of := r.events.Groups[r.at-1]
		r.behind, r.behindKey = of.Hash, append(r.behindKey[:0], r.events.Key(of)...)
	} else if !r.open && r.bucket > 0 {
		r.behind, r.behindKey = uint64(r.bucket)<<56-1, append(r.behindKey[:0], 0xff) // behind all of the last bucket
	}
	dst := strconv.AppendUint(nil, r.behind, 16)
	return sources.Position(fmt.Sprintf("%s:%x", dst, r.behindKey))
}

// enter groups the next pass over the present bucket.
func (r *reader) enter() error {
	if err := r.events.Open(r.bucket, r.pass); err != nil {
		return err
	}
	r.open, r.at = true, 0
	return nil
}

// leave goes on to the next pass, or bucket.
func (r *reader) leave() {
	r.open = false
	r.tell()
	r.pass++
	if r.pass == r.view.buckets.Passes(r.bucket) {
		r.view.reported[r.bucket].Store(true)
		r.bucket, r.pass = r.bucket+1, 0
	}
}

// document folds the events of one key and appends the record, if there is one.
func (r *reader) document(of spill.Group, b *sources.Batch) error {
	key := r.events.Key(of)
	if !r.after(of.Hash, key) {
		return nil
	}
	r.entries = r.events.Entries(of, r.entries[:0])
	if r.view.delta != nil && !r.view.delta.concerns(r.entries) {
		return nil
	}
	there, err := r.make(key, b)
	if err != nil {
		return err
	}
	r.trace(there)
	if !there && r.view.delta != nil && (!r.view.source.Newest || r.applied()) {
		b.Records = append(b.Records, sources.Record{Key: b.Hold(key), Deleted: true})
	}
	return nil
}

// applied reports whether any event was: poison alone decides nothing.
func (r *reader) applied() bool { return slices.Contains(r.fates, applied) }

// letter tells of an event that cannot be applied, the first time that it is met.
func (r *reader) letter(e *spill.Entry, kind, reason string) error {
	if r.quiet || r.view.reported[r.bucket].Load() || r.view.delta.before(e) {
		return nil
	}
	return r.view.letter(place{e.Partition, e.Offset}, e.Time, kind, e.Key, e.Value, reason)
}

// trace books the events of a document to their partitions: the first that was applied is
// used where there is a document, the others are folded. What was read before is booked
// already.
func (r *reader) trace(document bool) {
	if r.quiet || r.view.reported[r.bucket].Load() {
		return
	}
	if r.met == nil {
		r.met = make([]sources.Counts, len(r.view.inputs))
	}
	for i := range r.entries {
		if r.view.delta.before(&r.entries[i]) {
			continue
		}
		c := &r.met[r.entries[i].Partition]
		c.Read++
		switch {
		case r.fates[i] == filtered:
			c.Filtered++
		case r.fates[i] == poisonous:
			c.Poison++
		case document:
			c.Used++
			document = false
		default:
			c.Folded++
		}
	}
}

// tell hands over what was booked since the last time.
func (r *reader) tell() {
	for i, c := range r.met {
		if c != (sources.Counts{}) {
			r.view.meet(i, c)
		}
	}
	clear(r.met)
}

// after reports whether a key comes behind the position of a reader that goes on.
func (r *reader) after(hash uint64, key []byte) bool {
	return !r.resumed || hash > r.behind || hash == r.behind && bytes.Compare(key, r.behindKey) > 0
}
