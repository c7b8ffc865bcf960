package fold

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"maps"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"

	"humpty/internal/deadletter"
	"humpty/projector/fold/spill"
	"humpty/sources"
)

// view is all events in their buckets.
type view struct {
	source   *Source
	inputs   []input
	buckets  *spill.Buckets
	decoder  batchDecoder
	replayed sources.Counts // of what is in no bucket

	fences   map[string]sources.Position
	inner    innerLedger // of a source that folds itself
	account  account
	standing sources.GroupOffsetChecker // where the events end; nil: no group continues there
	delta    *delta                     // of what came behind positions only; nil: of everything

	closed atomic.Bool

	reported [spill.BucketCount]atomic.Bool // a reader has been through all of a bucket

	mu          sync.Mutex
	lettersSeen map[eventID]bool // letters that were written
	counts      []sources.Counts // of each partition of events
}

// innerLedger is what became of the events of a source that folds itself: these are what counts.
type innerLedger struct {
	events  map[string]sources.Counts
	offsets map[string]sources.OffsetCounts
}

var (
	_ sources.EndOffsets         = (*view)(nil)
	_ sources.GroupOffsetChecker = (*view)(nil)
	_ sources.PartitionCounter   = (*view)(nil)
	_ sources.OffsetCounter      = (*view)(nil)
)

// EndOffsets are where the replay ended.
func (v *view) EndOffsets() map[string]sources.Position { return v.fences }

// CheckGroupOffset asks whether those who go on behind the events still are where they ended.
func (v *view) CheckGroupOffset(ctx context.Context) error {
	if v.standing == nil {
		return nil
	}
	return v.standing.CheckGroupOffset(ctx)
}

// PartitionCounts is what became of the events, as far as their documents were read.
func (v *view) PartitionCounts() map[string]sources.Counts {
	if v.inner.events != nil {
		all := maps.Clone(v.inner.events)
		if n := v.replayed.Poison; n > 0 { // documents that the source of these could not make
			all["states"] = sources.Counts{Read: n, Poison: n}
		}
		return all
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	all := make(map[string]sources.Counts, len(v.counts))
	for i, c := range v.counts {
		all[v.inputs[i].partition.ID] = c
	}
	return all
}

// OffsetCounts is what became of the offsets of each partition.
func (v *view) OffsetCounts() map[string]sources.OffsetCounts {
	if v.inner.offsets != nil {
		return v.inner.offsets
	}
	return v.account.counts()
}

func (v *view) put(e *spill.Entry) error { return v.buckets.Put(e) }

// consume puts a batch into the buckets.
func (v *view) consume(source int, batch *sources.Batch, into *Decoded) (sources.Counts, error) {
	counts, err := v.decoder.decodeBatch(source, batch, into, v)
	v.addCounts(source, counts)
	return counts, err
}

func (v *view) addCounts(source int, c sources.Counts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	v.counts[source].Add(c)
}

func (v *view) Read(_ context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	if v.closed.Load() {
		return nil, errors.New("fold: the view is closed")
	}
	first, err1 := strconv.Atoi(p.From)
	end, err2 := strconv.Atoi(p.To)
	if err1 != nil || err2 != nil || first < 0 || first > end || end > spill.BucketCount {
		return nil, fmt.Errorf("fold: there is no partition %s from %q to %q", p.ID, p.From, p.To)
	}
	f, err := v.source.New()
	if err != nil {
		return nil, fmt.Errorf("fold: %w", err)
	}
	r := v.reader(f)
	r.bucket, r.end = first, end
	if from != "" {
		hash, key, _ := strings.Cut(string(from), ":")
		at, err := strconv.ParseUint(hash, 16, 64)
		if err == nil {
			r.lastKey, err = hex.DecodeString(key)
		}
		if err != nil {
			return nil, fmt.Errorf("fold: %q is no position of partition %s", from, p.ID)
		}
		r.lastHash, r.resumed = at, true
		r.bucket = max(first, spill.BucketOf(at))
	} else if first == 0 {
		r.pending = v.replayed
	}
	return r, nil
}

func (v *view) Close(context.Context) error {
	if v.closed.Swap(true) {
		return nil
	}
	return v.buckets.Close()
}

// deadLetter writes one, the first time that an event is met.
func (v *view) deadLetter(at eventID, time int64, kind string, key, value []byte, reason string) error {
	l := v.source.Letters
	if l == nil {
		return nil
	}
	v.mu.Lock()
	written := v.lettersSeen[at]
	if !written && int64(len(v.lettersSeen)) <= l.Limit() {
		v.lettersSeen[at] = true
	}
	v.mu.Unlock()
	if written {
		return nil
	}
	in := v.inputs[at.partition]
	return l.Put(deadletter.Letter{
		Event: &deadletter.Event{Topic: in.topic, Partition: in.number, Offset: at.offset, Time: time, Key: key, Value: value},
		Type:  kind, Reason: reason,
	})
}

func (v *view) reader(f Fold) *reader {
	r := &reader{view: v, events: spill.NewReader(v.buckets)}
	r.builder = newBuilder(f)
	r.inputs, r.types, r.onPoison = v.inputs, v.decoder.types, r.reportPoison
	return r
}
