package join

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"sync/atomic"

	"humpty/sources"
)

// view is the root's, and what finds each include.
type view struct {
	source   *Source
	root     sources.View
	open     []sources.View
	finders  []finder
	fences   map[string]sources.Position
	inputs   map[string]sources.Counts       // of what is held
	offsets  map[string]sources.OffsetCounts // of the same
	mu       sync.Mutex
	read     map[string]sources.Counts // of the root, so far, where that is not made of events
	pending  sources.Counts            // the sum of these, as they are told to a reader
	reported atomic.Bool
	tables   []*spillTable
	standing []sources.GroupOffsetChecker // of what is held
	links    *linkStore                   // of a live run; nil: each source is as of one moment
}

var (
	_ sources.Lookup             = (*view)(nil)
	_ sources.EndOffsets         = (*view)(nil)
	_ sources.PartitionCounter   = (*view)(nil)
	_ sources.OffsetCounter      = (*view)(nil)
	_ sources.GroupOffsetChecker = (*view)(nil)
)

// finder finds what belongs to keys.
type finder interface {
	// find calls give with the number of each key that has something, and its document, or
	// why there can be none. What it gives is valid until the next call. It returns what
	// the read saw.
	find(ctx context.Context, keys [][]byte, give func(i int, document []byte, reject string)) (sources.TxSnapshot, error)
}

func (v *view) preload(ctx context.Context, i int, in *Include) error {
	plan, err := in.From.Plan(ctx)
	if err != nil {
		return err
	}
	from, err := in.From.Open(ctx)
	if err != nil {
		return err
	}
	s := newSpillTable(in.Memory, in.Dir)
	v.tables = append(v.tables, s)
	v.finders[i] = s
	err = s.fill(ctx, from, plan)
	if err == nil {
		v.addInputs(in, from)
	}
	return errors.Join(err, from.Close(ctx))
}

// addInputs takes over what became of the events of an include. They are all folded: the
// documents that are counted are the root's.
func (v *view) addInputs(in *Include, from sources.View) {
	if fenced, ok := from.(sources.EndOffsets); ok {
		for id, at := range fenced.EndOffsets() {
			v.fences[in.path()+":"+id] = at
		}
	}
	if counter, ok := from.(sources.OffsetCounter); ok {
		for id, c := range counter.OffsetCounts() {
			v.offsets[in.path()+":"+id] = c
		}
	}
	if standing, ok := from.(sources.GroupOffsetChecker); ok {
		v.standing = append(v.standing, standing)
	}
	if traced, ok := from.(sources.PartitionCounter); ok {
		for id, c := range traced.PartitionCounts() {
			c.Used, c.Folded = 0, c.Folded+c.Used
			v.inputs[in.path()+":"+id] = c
			v.pending.Add(c)
		}
	}
}

// EndOffsets are those of the root and of what is held, these behind the include's path.
func (v *view) EndOffsets() map[string]sources.Position {
	all := maps.Clone(v.fences)
	if fenced, ok := v.root.(sources.EndOffsets); ok {
		maps.Copy(all, fenced.EndOffsets())
	}
	return all
}

// OffsetCounts are those of the root and of what is held.
func (v *view) OffsetCounts() map[string]sources.OffsetCounts {
	all := maps.Clone(v.offsets)
	if counter, ok := v.root.(sources.OffsetCounter); ok {
		maps.Copy(all, counter.OffsetCounts())
	}
	return all
}

// CheckGroupOffset asks those of the root and of what is held.
func (v *view) CheckGroupOffset(ctx context.Context) error {
	all := v.standing
	if root, ok := v.root.(sources.GroupOffsetChecker); ok {
		all = append(all[:len(all):len(all)], root)
	}
	for _, one := range all {
		if err := one.CheckGroupOffset(ctx); err != nil {
			return err
		}
	}
	return nil
}

// PartitionCounts are those of the root and of what is held.
func (v *view) PartitionCounts() map[string]sources.Counts {
	all := maps.Clone(v.inputs)
	if traced, ok := v.root.(sources.PartitionCounter); ok {
		maps.Copy(all, traced.PartitionCounts())
		return all
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	maps.Copy(all, v.read)
	return all
}

// addCounts books what a reader of the root met.
func (v *view) addCounts(partition string, c sources.Counts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	sum := v.read[partition]
	sum.Add(c)
	v.read[partition] = sum
}

func (v *view) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	inner, err := v.root.Read(ctx, p, from)
	if err != nil {
		return nil, err
	}
	return &reader{inner: inner, join: v.newJoiner(), view: v, partition: p.ID, first: from == "", growth: initialGrowth}, nil
}

func (v *view) Close(ctx context.Context) error {
	var errs []error
	for _, s := range v.tables {
		errs = append(errs, s.close())
	}
	for _, o := range v.open {
		errs = append(errs, o.Close(ctx))
	}
	if v.root != nil {
		errs = append(errs, v.root.Close(ctx))
	}
	return errors.Join(errs...)
}

// Lookup reads single documents of the root, with their includes.
func (v *view) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	root, ok := v.root.(sources.Lookup)
	if !ok {
		return fmt.Errorf("the root of a mixed document cannot be read by key")
	}
	var in sources.Batch
	if err := root.Lookup(ctx, keys, &in); err != nil {
		return err
	}
	return v.newJoiner().batch(ctx, &in, b)
}

// initialGrowth is what is taken for the growth of documents until it is known.
const initialGrowth = 4

// reader reads a partition of the root.
type reader struct {
	view      *view
	partition string
	inner     sources.Reader
	join      *joiner
	in        sources.Batch
	first     bool
	growth    float64 // how many times larger documents became by their includes, in the last batch
}

func (r *reader) Close(ctx context.Context) error { return r.inner.Close(ctx) }

func (r *reader) Next(ctx context.Context, b *sources.Batch) error {
	r.in.Reset()
	r.in.Limit = int(float64(b.Limit) / max(r.growth, 1)) // includes count as bytes in flight too
	if err := r.inner.Next(ctx, &r.in); err != nil {
		return err
	}
	r.view.addCounts(r.partition, r.in.Counts)
	if r.first && !r.view.reported.Swap(true) {
		b.Counts.Add(r.view.pending)
	}
	r.first = false
	if err := r.join.batch(ctx, &r.in, b); err != nil {
		return err
	}
	if len(r.in.Data) > 0 {
		r.growth = float64(len(b.Data)) / float64(len(r.in.Data))
	}
	return nil
}

// viewFinder finds by looking up in a view.
type viewFinder struct{ view sources.Lookup }

func (a *viewFinder) find(ctx context.Context, keys [][]byte, give func(int, []byte, string)) (sources.TxSnapshot, error) {
	if len(keys) == 0 {
		return liveSnapshot(), nil
	}
	var b sources.Batch
	if err := a.view.Lookup(ctx, keys, &b); err != nil {
		return sources.TxSnapshot{}, err
	}
	numbers := make(map[string]int, len(keys))
	for i, key := range keys {
		numbers[string(key)] = i
	}
	for i := range b.Records {
		r := &b.Records[i]
		if n, asked := numbers[string(r.Key)]; asked && !r.Deleted {
			give(n, r.Value, r.Reject)
		}
	}
	return b.Snapshot, nil
}
