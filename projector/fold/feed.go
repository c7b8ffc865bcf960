package fold

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"humpty/internal/statedb"
	"humpty/sources"
)

var _ sources.Capturer = (*Source)(nil)

// Capture goes on behind the fences of its beginning, or behind a position, with the
// tails of all partitions. What it gives is visible to every read that begins afterwards:
// an event is kept before it is given out.
func (s *Source) Capture(ctx context.Context, name string, from sources.Position) (sources.ChangeStream, error) {
	if s.Store == nil {
		return nil, errors.New("fold: there is no folder for the events of a live run")
	}
	plan, err := s.Inner.Plan(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.validate(plan); err != nil {
		return nil, err
	}
	if err := plan.Refusal(); err != nil && from == "" { // what it goes on from is kept here
		return nil, err
	}
	inner, err := s.Inner.Open(ctx)
	if err != nil {
		return nil, err
	}
	f := &feed{source: s, plan: plan, inner: inner, batches: make(chan tailed, 64), fenceAdded: make(chan struct{}, 1)}
	var inputs []input
	for _, p := range plan.Partitions {
		inputs = append(inputs, parseInput(p))
	}
	if f.store, err = s.openStore(name, inputs); err != nil {
		return nil, errors.Join(err, inner.Close(ctx))
	}
	if err = f.begin(from); err == nil {
		_, err = s.CheckPositions(ctx, f.delivered) // what it cannot tell, anchors do
	}
	if err == nil {
		err = f.checkAnchors(ctx)
	}
	if err != nil {
		return nil, errors.Join(err, inner.Close(ctx), f.store.db.Release())
	}
	f.start(ctx)
	return f, nil
}

func (s *Source) openStore(capture string, inputs []input) (_ *eventStore, err error) {
	dir := s.Store.Dir(capture)
	db, err := statedb.Open(dir, statedb.Options{Fatal: s.Store.Fatal, Memory: 32 << 20})
	if err != nil {
		return nil, fmt.Errorf("open the events of the run in %s: %w", dir, err)
	}
	st := &eventStore{db: &statedb.Shared{DB: db}, decoder: s.batchDecoder(), letters: s.Letters}
	st.parts.Store(newPartitions(inputs))
	err = statedb.Each(db, []byte{poisonPrefix}, []byte{poisonPrefix + 1}, func(_, _ []byte) error {
		st.poisoned++
		return nil
	})
	if err != nil {
		return nil, errors.Join(fmt.Errorf("read the events of the run in %s: %w", dir, err), db.Close())
	}
	return st, nil
}

// Release removes the events of a capture.
func (s *Source) Release(_ context.Context, name string) error {
	if s.Store == nil {
		return nil
	}
	if err := os.RemoveAll(s.Store.Dir(name)); err != nil {
		return fmt.Errorf("remove the events of run %s: %w", name, err)
	}
	return nil
}

// tailed is what a tail has kept.
type tailed struct {
	source int
	keys   [][]byte
	at     sources.Position
}

// feed is the tails of all partitions.
type feed struct {
	source *Source
	store  *eventStore
	plan   sources.Plan
	inner  sources.View
	tailer sources.Tailer

	batches    chan tailed
	fenceAdded chan struct{} // holds one when a fence was set
	group      *errgroup.Group
	ctx        context.Context //nolint:containedctx // of the tails, which live as long as the feed
	stop       context.CancelCauseFunc

	events, bytes atomic.Int64 // met in the tails

	mu sync.Mutex
	progress
	closed bool // no tail begins any more
}

// progress is how far a feed was given out, and the fences that this has not reached yet.
// The lock of the feed is held for it.
type progress struct {
	delivered  map[string]sources.Position // given out
	lastFence  map[string]sources.Position // of these, where the last fence was that was given
	fences     []fence
	fenceCount int
}

// fence is passed when what is given out has reached it.
type fence struct {
	id string
	at map[string]sources.Position
}

// begin finds out where the tails begin: at the earliest position that is known of each.
func (f *feed) begin(from sources.Position) error {
	var ok bool
	fenced, isFenced := f.inner.(sources.EndOffsets)
	if f.tailer, ok = f.inner.(sources.Tailer); !ok || !isFenced {
		return errors.New("fold: this source of events cannot be read behind its end: use consistency: snapshot")
	}
	if err := f.store.checkPartitions(from == "", f.tailer.BeginningOffset); err != nil {
		return err
	}
	inputs := f.store.parts.Load().inputs
	f.plan.Partitions = make([]sources.Partition, len(inputs)) // by number
	for i, in := range inputs {
		f.plan.Partitions[i] = in.partition
	}
	f.delivered = map[string]sources.Position{}
	if from != "" {
		if err := json.Unmarshal([]byte(from), &f.delivered); err != nil {
			return fmt.Errorf("fold: position %q cannot be read: %w", from, err)
		}
	}
	fences := fenced.EndOffsets()
	for i, p := range f.plan.Partitions {
		at, known := f.delivered[p.ID]
		switch {
		case known:
		case from == "":
			at = fences[p.ID]
		default: // it came since: what was kept of it may have no marks
			at = f.tailer.BeginningOffset(p.ID)
		}
		kept, err := f.store.tailStart(i, at)
		if err != nil {
			return err
		}
		if f.tailer.OffsetLag(kept, at) > 0 {
			at = kept
		}
		f.delivered[p.ID] = at
	}
	f.lastFence = maps.Clone(f.delivered)
	return nil
}

func (f *feed) start(ctx context.Context) {
	ctx, f.stop = context.WithCancelCause(context.WithoutCancel(ctx))
	f.group, f.ctx = errgroup.WithContext(ctx)
	for i, p := range f.plan.Partitions {
		f.startTail(i, p, f.delivered[p.ID])
	}
}

func (f *feed) startTail(source int, p sources.Partition, at sources.Position) {
	f.group.Go(func() error {
		if err := f.tail(source, p, at); err != nil {
			return fmt.Errorf("go on with partition %s: %w", p.ID, err)
		}
		return nil
	})
}

// endOffsets are where the partitions end now. Of one that is new the tail begins before anybody
// hears of it.
func (f *feed) endOffsets(ctx context.Context) (map[string]sources.Position, error) {
	ends, err := f.tailer.LatestOffsets(ctx)
	if err != nil {
		return nil, err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for _, id := range slices.Sorted(maps.Keys(ends)) {
		if _, known := f.delivered[id]; known || f.closed {
			continue
		}
		p := sources.Partition{ID: id}
		now := f.store.parts.Load()
		more := newPartitions(append(slices.Clone(now.inputs), parseInput(p)))
		if err := f.store.extend(more, 1, f.tailer.BeginningOffset); err != nil {
			return nil, fmt.Errorf("take in partition %s: %w", id, err)
		}
		f.delivered[id] = f.tailer.BeginningOffset(id)
		if err := f.store.openAccount(len(now.inputs), f.delivered[id]); err != nil {
			return nil, fmt.Errorf("take in partition %s: %w", id, err)
		}
		f.plan.Partitions = append(f.plan.Partitions[:len(now.inputs):len(now.inputs)], p)
		f.startTail(len(now.inputs), p, f.delivered[id])
	}
	return ends, nil
}

// tail keeps what comes and says of it, until the feed is closed.
func (f *feed) tail(source int, p sources.Partition, at sources.Position) (err error) {
	reader, err := f.tailer.Tail(f.ctx, p, at)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close(context.WithoutCancel(f.ctx))) }()
	batch, into := &sources.Batch{Limit: replayBatch}, &Decoded{}
	for {
		batch.Reset()
		if err := reader.Next(f.ctx, batch); err != nil {
			return err
		}
		if batch.Position == at && len(batch.Records) == 0 {
			continue
		}
		keys, counts, err := f.store.storeBatch(source, batch, into, at, true)
		if err != nil {
			return err
		}
		f.events.Add(int64(len(batch.Records)))
		f.bytes.Add(counts.Bytes)
		at = batch.Position
		select {
		case f.batches <- tailed{source, keys, at}:
		case <-f.ctx.Done():
			return context.Cause(f.ctx)
		}
	}
}

// Next gives the keys of the next batch of a partition, or a fence.
func (f *feed) Next(ctx context.Context, m *sources.ChangeSet) error {
	for {
		*m = sources.ChangeSet{}
		if f.deliverFence(m) {
			return nil
		}
		select {
		case t := <-f.batches:
			f.deliver(t, m)
			return nil
		case <-f.fenceAdded:
		case <-f.ctx.Done():
			return context.Cause(f.ctx)
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}

func (f *feed) deliverFence(m *sources.ChangeSet) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.nextFence(f.tailer, m)
}

func (f *feed) deliver(t tailed, m *sources.ChangeSet) {
	seen := make(map[string]bool, len(t.keys))
	for _, key := range t.keys {
		if id := string(key); !seen[id] {
			seen[id] = true
			m.Keys = append(m.Keys, sources.DirtyKey{Key: id})
		}
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.delivered[f.plan.Partitions[t.source].ID] = t.at
	m.Position = f.position()
}

// position is that of all partitions.
func (p *progress) position() sources.Position {
	text, err := json.Marshal(p.delivered)
	if err != nil {
		return "" // a map of texts always can be
	}
	return sources.Position(text)
}

// nextFence gives the next fence, if everything before it was given out.
func (p *progress) nextFence(tailer sources.Tailer, m *sources.ChangeSet) bool {
	if len(p.fences) == 0 {
		return false
	}
	first := p.fences[0]
	for id, end := range first.at {
		if tailer.OffsetLag(p.delivered[id], end) > 0 {
			return false
		}
	}
	p.fences = p.fences[1:]
	p.lastFence = maps.Clone(p.delivered)
	m.Fence, m.Position = first.id, p.position()
	return true
}

// addFence makes a fence of where the partitions end.
func (p *progress) addFence(ends map[string]sources.Position) (id string) {
	p.fenceCount++
	id = "events " + strconv.Itoa(p.fenceCount)
	p.fences = append(p.fences, fence{id, ends})
	return id
}

// Fence takes the ends that the partitions have now.
func (f *feed) Fence(ctx context.Context) (string, error) {
	ends, err := f.endOffsets(ctx)
	if err != nil {
		return "", err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	id := f.addFence(ends)
	select {
	case f.fenceAdded <- struct{}{}:
	default:
	}
	return id, nil
}

// Acknowledge does nothing: a log keeps what it has, and the events are here.
func (f *feed) Acknowledge(context.Context, sources.Position) error { return nil }

// FenceOffsets are where the last fence was.
func (f *feed) FenceOffsets() map[string]sources.Position {
	f.mu.Lock()
	defer f.mu.Unlock()
	return maps.Clone(f.lastFence)
}

// eventBytes is what an event is taken for until some were seen.
const eventBytes = 256

// Lag estimates bytes by the events of the tails so far.
func (f *feed) Lag(ctx context.Context) (behind, held int64, err error) {
	ends, err := f.endOffsets(ctx)
	if err != nil {
		return 0, 0, err
	}
	each := int64(eventBytes)
	if n := f.events.Load(); n > 0 {
		each = max(f.bytes.Load()/n, 1)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	for id, end := range ends {
		behind += f.tailer.OffsetLag(f.delivered[id], end) * each
	}
	return behind, 0, nil
}

var errClosed = errors.New("fold: the feed is closed")

// Close ends the tails.
func (f *feed) Close(ctx context.Context) error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.stop(errClosed)
	err := f.group.Wait()
	if errors.Is(err, errClosed) {
		err = nil
	}
	return errors.Join(err, f.inner.Close(ctx), f.store.db.Release())
}
