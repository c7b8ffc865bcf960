package fold

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"sync"
	"sync/atomic"

	"github.com/cockroachdb/pebble/v2"
	"github.com/zeebo/xxh3"

	"humpty/internal/statedb"
	"humpty/projector/fold/spill"
	"humpty/sources"
)

// liveView is the documents of a capture's events as they are at each read.
type liveView struct {
	source  *Source
	store   *eventStore
	fences  map[string]sources.Position
	pending sources.Counts // of the replay: what made no event
	closed  atomic.Bool

	mu   sync.Mutex
	idle []*liveBuilder
}

// liveBuilder makes documents of kept events. While it does, its entries have the ranks of
// their partitions in place of the numbers, as a replay has.
type liveBuilder struct {
	builder
	parts *partitions
}

// usePartitions takes over the partitions that there are now: at least those of all events that an
// iterator of before can meet.
func (m *liveBuilder) usePartitions(s *eventStore) {
	m.parts = s.parts.Load()
	m.inputs = m.parts.sorted
}

var (
	_ sources.Expander      = (*liveView)(nil)
	_ sources.EndOffsets    = (*liveView)(nil)
	_ sources.PoisonCounter = (*liveView)(nil)
	_ sources.OffsetCounter = (*liveView)(nil)
	_ sources.ViewOpener    = (*feed)(nil)
	_ sources.FenceLocator  = (*feed)(nil)
)

// Open replays every partition to the fence that was captured, once for all processes of
// a run, and gives a view of all events, also of those that come behind it.
func (f *feed) Open(ctx context.Context) (_ sources.View, err error) {
	if !f.store.db.Acquire() { // the feed ended meanwhile
		return nil, context.Cause(f.ctx)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, f.store.db.Release())
		}
	}()
	v := &liveView{source: f.source, store: f.store, fences: f.FenceOffsets()}
	loaded, err := statedb.Get(f.store.db.DB, []byte{replayedPrefix})
	if err != nil {
		return nil, err
	}
	if loaded == nil {
		if loaded, err = f.replay(ctx, v.fences); err != nil {
			return nil, fmt.Errorf("fold: %w", err)
		}
	}
	if err := f.store.getReplayAccounts(); err != nil {
		return nil, err
	}
	if err := json.Unmarshal(loaded, &v.pending); err != nil {
		return nil, fmt.Errorf("fold: the store is damaged: %w", err)
	}
	return v, nil
}

func (f *feed) replay(ctx context.Context, fences map[string]sources.Position) ([]byte, error) {
	f.mu.Lock()
	plan := f.plan // what comes while it is replayed is tailed from its start
	f.mu.Unlock()
	before := make([]sources.Position, len(plan.Partitions)) // each used by the one that reads its partition
	r := &replay{
		inputs: f.store.parts.Load().inputs, inner: f.inner, onProgress: f.source.Observe, total: plan.Rows, disk: &atomic.Bool{},
		account: f.store.replayAccount(),
		consume: func(source int, batch *sources.Batch, into *Decoded) (sources.Counts, error) {
			_, counts, err := f.store.storeBatch(source, batch, into, before[source], false)
			before[source] = batch.Position
			return counts, err
		},
	}
	r.disk.Store(true)
	if fenced, ok := f.inner.(sources.EndOffsets); ok {
		r.fences = fenced.EndOffsets()
	}
	if err := r.run(ctx, plan); err != nil {
		return nil, err
	}
	f.mu.Lock()
	r.refine(f.delivered) // nothing may have come behind it
	r.refine(f.lastFence)
	r.refine(fences)
	f.mu.Unlock()
	text, err := json.Marshal(r.counted)
	if err != nil {
		return nil, err
	}
	batch := f.store.db.NewBatch()
	defer batch.Close() //nolint:errcheck // committed, or given up
	if err := errors.Join(f.store.putReplayAccounts(batch), batch.Set([]byte{replayedPrefix}, text, nil)); err != nil {
		return nil, err
	}
	return text, batch.Commit(pebble.Sync) // with all that was kept before it
}

// liveSnapshot is the snapshot of a read that sees all that was given out before it.
func liveSnapshot() sources.TxSnapshot {
	return sources.TxSnapshot{Min: math.MaxUint64, Max: math.MaxUint64}
}

func (v *liveView) EndOffsets() map[string]sources.Position { return v.fences }

// OffsetCounts is what became of the offsets of each partition, replayed and tailed.
func (v *liveView) OffsetCounts() map[string]sources.OffsetCounts { return v.store.offsetCounts() }

func (v *liveView) PoisonCount() int64 {
	v.store.mu.Lock()
	defer v.store.mu.Unlock()
	return v.store.poisoned
}

func (v *liveView) Close(context.Context) error {
	if v.closed.Swap(true) {
		return nil
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	var errs []error
	for _, m := range v.idle {
		errs = append(errs, m.close())
	}
	v.idle = nil
	return errors.Join(append(errs, v.store.db.Release())...)
}

// acquireBuilder takes one that is idle, or makes one.
func (v *liveView) acquireBuilder() (*liveBuilder, error) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if last := len(v.idle) - 1; last >= 0 {
		m := v.idle[last]
		v.idle = v.idle[:last]
		return m, nil
	}
	f, err := v.source.New()
	if err != nil {
		return nil, fmt.Errorf("fold: %w", err)
	}
	m := &liveBuilder{builder: newBuilder(f)}
	m.types = v.store.decoder.types
	m.onPoison = func(e *spill.Entry, kind, reason string) error {
		return v.store.deadLetter(eventID{m.parts.number[e.Partition], e.Offset}, e.Time, kind, e.Key, e.Value, reason)
	}
	return m, nil
}

// releaseBuilder gives it back; behind the view's end it is closed.
func (v *liveView) releaseBuilder(m *liveBuilder) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.closed.Load() {
		return m.close()
	}
	v.idle = append(v.idle, m)
	return nil
}

// Expand gives back the keys, which are the documents' ids; for a whole table those of all
// documents there are.
func (v *liveView) Expand(_ context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	ids := make([][]byte, 0, len(marks))
	for _, m := range marks {
		if m.All {
			return liveSnapshot(), v.eachKey(fn)
		}
		ids = append(ids, []byte(m.Key))
	}
	return liveSnapshot(), fn(ids)
}

// keysAtOnce are given to the caller in one portion.
const keysAtOnce = 1000

func (v *liveView) eachKey(fn func([][]byte) error) error {
	var keys [][]byte
	last := []byte(nil)
	err := statedb.Each(v.store.db.DB, []byte{eventPrefix}, []byte{eventPrefix + 1}, func(name, _ []byte) error {
		if len(name) < 23 {
			return errors.New("an event is cut short: the store is damaged")
		}
		key := name[13 : len(name)-10]
		if bytes.Equal(key, last) {
			return nil
		}
		last = bytes.Clone(key)
		if keys = append(keys, last); len(keys) < keysAtOnce {
			return nil
		}
		some := keys
		keys = nil
		return fn(some)
	})
	if err != nil || len(keys) == 0 {
		return err
	}
	return fn(keys)
}

// Lookup folds the events that the keys have now.
func (v *liveView) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) (err error) {
	if v.closed.Load() {
		return errors.New("fold: the view is closed")
	}
	m, err := v.acquireBuilder()
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, v.releaseBuilder(m)) }()
	b.Snapshot = liveSnapshot()
	it, err := v.store.db.NewIter(&pebble.IterOptions{LowerBound: []byte{eventPrefix}, UpperBound: []byte{eventPrefix + 1}})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	m.usePartitions(v.store)
	for _, key := range keys {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		m.entries = m.entries[:0]
		prefix := eventKey(nil, xxh3.Hash(key), key)
		for ok := it.SeekGE(prefix); ok && bytes.HasPrefix(it.Key(), prefix) && len(it.Key()) == len(prefix)+10; ok = it.Next() {
			if err := v.appendEntry(m, it); err != nil {
				return err
			}
		}
		if it.Error() != nil {
			return it.Error()
		}
		had := len(b.Records)
		if len(m.entries) > 0 {
			if _, err := v.build(ctx, m, key, b); err != nil {
				return fmt.Errorf("fold: %w", err)
			}
		}
		if len(b.Records) == had {
			b.Records = append(b.Records, sources.Record{Key: b.Hold(key), Deleted: true})
		}
	}
	return nil
}

// appendEntry adds the event that an iterator is at.
func (v *liveView) appendEntry(m *liveBuilder, it *pebble.Iterator) error {
	var e spill.Entry
	if err := v.store.parseEntry(bytes.Clone(it.Key()), bytes.Clone(it.Value()), &e); err != nil {
		return err
	}
	e.Partition = m.parts.rank[e.Partition]
	m.entries = append(m.entries, e)
	return nil
}

// build brings the entries, which come by partition, into their order, and folds them.
func (v *liveView) build(ctx context.Context, m *liveBuilder, key []byte, b *sources.Batch) (bool, error) {
	if n := len(m.entries); m.entries[0].Partition != m.entries[n-1].Partition {
		spill.SortByTime(m.entries)
	}
	return m.build(ctx, key, b)
}

// Read folds the documents of some buckets.
func (v *liveView) Read(_ context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	first, err1 := strconv.Atoi(p.From)
	end, err2 := strconv.Atoi(p.To)
	if err := errors.Join(err1, err2); err != nil || from != "" || v.closed.Load() {
		return nil, errors.Join(err, fmt.Errorf("fold: partition %s from %q to %q is not read from position %q", p.ID, p.From, p.To, from))
	}
	m, err := v.acquireBuilder()
	if err != nil {
		return nil, err
	}
	bound := func(bucket int) []byte {
		if bucket >= spill.BucketCount {
			return []byte{eventPrefix + 1}
		}
		return binary.BigEndian.AppendUint64([]byte{eventPrefix}, uint64(bucket)<<56)
	}
	it, err := v.store.db.NewIter(&pebble.IterOptions{LowerBound: bound(first), UpperBound: bound(end)})
	if err != nil {
		return nil, err
	}
	m.usePartitions(v.store)
	r := &liveReader{view: v, builder: m, it: it}
	it.First()
	if first == 0 {
		r.pending = v.pending
	}
	return r, nil
}

// liveReader goes through the events in order of their keys.
type liveReader struct {
	view    *liveView
	builder *liveBuilder
	it      *pebble.Iterator
	pending sources.Counts
}

func (r *liveReader) Close(context.Context) error {
	return errors.Join(r.view.releaseBuilder(r.builder), r.it.Close())
}

func (r *liveReader) Next(ctx context.Context, b *sources.Batch) error {
	had, countsBefore := len(b.Records), b.Counts
	b.Counts.Add(r.pending)
	r.pending = sources.Counts{}
	for !b.Full() && r.it.Valid() {
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		key := r.it.Key()
		prefix := bytes.Clone(key[:max(len(key)-10, 0)])
		m := r.builder
		m.entries = m.entries[:0]
		for ; r.it.Valid() && len(r.it.Key()) == len(key) && bytes.HasPrefix(r.it.Key(), prefix); r.it.Next() {
			if err := r.view.appendEntry(m, r.it); err != nil {
				return err
			}
		}
		if _, err := r.view.build(ctx, m, m.entries[0].Key, b); err != nil {
			return fmt.Errorf("fold: %w", err)
		}
		if b.Limit == 0 && len(b.Records)-had >= keysAtOnce {
			break
		}
	}
	if err := r.it.Error(); err != nil {
		return err
	}
	if len(b.Records) == had && b.Counts == countsBefore {
		return io.EOF
	}
	b.Snapshot, b.Position = liveSnapshot(), sources.Position("live")
	return nil
}
