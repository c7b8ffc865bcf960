package fold

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/bits"
	"runtime"

	"humpty/projector/fold/spill"
	"humpty/sources"
)

// Source gives the documents that the events of Inner fold to. Inner, Decoder and New are
// required.
type Source struct {
	Inner   sources.Source
	Decoder Decoder
	New     func() (Fold, error) // a fold for one goroutine

	Memory  int64                // bytes of events held in memory, and of a bucket while it is folded; 256 MB by default
	Dir     string               // where the others go; the system's folder for temporary files by default
	Letters *Letters             // where poison goes; nil: it is counted only
	Observe func(ReplayProgress) // told of the replay from its goroutines, one call at a time; may be nil
	Store   *StoreOptions        // where live runs keep events; nil: there are none
	Newest  bool                 // the newest event of a key alone decides its document, as with NewLatest
}

var (
	_ sources.Source   = (*Source)(nil)
	_ sources.Outages  = (*Source)(nil)
	_ sources.Replayer = (*Source)(nil)

	_ sources.PositionChecker = (*Source)(nil)
)

// Watch sets Observe; where Inner folds itself, it is told of that.
func (s *Source) Watch(fn func(done, total, bytes int64)) {
	if inner, ok := s.Inner.(sources.Replayer); ok {
		inner.Watch(fn)
		return
	}
	s.Observe = func(r ReplayProgress) { fn(r.Events, r.Total, r.Bytes) }
}

const defaultMemory = 256 << 20

// leastPass is how many bytes a reader brings back from disk at a time, where there is memory for
// it: a bucket is read from its start for each pass.
const leastPass = 1 << 20

func (s *Source) memory() int64 {
	if s.Memory <= 0 {
		return defaultMemory
	}
	return s.Memory
}

// readers is how many buckets are folded at once, and how many bytes each brings back from
// disk at a time: a quarter of the memory together.
func (s *Source) readers() (n int, pass int64) {
	share := s.memory() / 4
	n = int(min(int64(runtime.GOMAXPROCS(0)), max(share/leastPass, 1)))
	return n, max(share/int64(n), 1)
}

// eventsEach is how many events a partition of documents has at least: fewer would make
// tiny requests to the target.
const eventsEach = 10_000

// Plan splits documents by the hash of their keys. There are at most as many documents as
// events; nothing cheap tells how many.
func (s *Source) Plan(ctx context.Context) (sources.Plan, error) {
	inner, err := s.Inner.Plan(ctx)
	if err != nil {
		return sources.Plan{}, err
	}
	if err := s.validate(inner); err != nil {
		return sources.Plan{}, err
	}
	plan := sources.Plan{Rows: inner.Rows, Bytes: inner.Bytes, Notes: inner.Notes, Warnings: inner.Warnings, Starts: inner.Starts}
	plan.Notes = append(plan.Notes, fmt.Sprintf("%d events of %d partitions are folded first; the number of documents is not known before, the number of events is its upper bound",
		inner.Rows, len(inner.Partitions)))
	n := 1 << (bits.Len64(uint64(min(max(inner.Rows/eventsEach, 1), spill.BucketCount))) - 1)
	for i := range n {
		plan.Partitions = append(plan.Partitions, sources.Partition{
			ID:   fmt.Sprintf("fold/%04d", i),
			From: fmt.Sprint(i * spill.BucketCount / n), To: fmt.Sprint((i + 1) * spill.BucketCount / n),
			Rows: inner.Rows / int64(n), Bytes: inner.Bytes / int64(n),
		})
	}
	most, _ := s.readers()
	plan.Readers = min(n, most)
	return plan, nil
}

func (s *Source) validate(inner sources.Plan) error {
	switch {
	case s.Decoder == nil || s.New == nil:
		return errors.New("fold: no decoder or no fold is given")
	case len(inner.Partitions) > 1<<16:
		return fmt.Errorf("fold: %d partitions of events, at most %d can be folded at once", len(inner.Partitions), 1<<16)
	}
	return nil
}

// Open replays all events to the end that it captures.
func (s *Source) Open(ctx context.Context) (sources.View, error) {
	v, plan, inner, err := s.openEmpty(ctx, true)
	if err != nil {
		return nil, err
	}
	r := &replay{inputs: v.inputs, inner: inner, consume: v.consume, onProgress: s.Observe, total: plan.Rows, disk: &v.buckets.Spilled, account: &v.account, fences: v.fences}
	err = r.run(ctx, plan)
	v.replayed = r.counted
	if traced, ok := inner.(sources.PartitionCounter); ok { // it folds itself: its events are what counts
		v.inner.events = traced.PartitionCounts()
	}
	if counter, ok := inner.(sources.OffsetCounter); ok {
		v.inner.offsets = counter.OffsetCounts()
	}
	if err == nil {
		r.refine(v.fences)
		err = v.buckets.Flush()
	}
	err = errors.Join(err, inner.Close(ctx))
	if err != nil {
		return nil, errors.Join(fmt.Errorf("fold: %w", err), v.buckets.Close())
	}
	return v, nil
}

// openEmpty captures the end of the events, and makes an empty view; whole is for one that all
// events are needed for, from the beginning.
func (s *Source) openEmpty(ctx context.Context, whole bool) (*view, sources.Plan, sources.View, error) {
	plan, err := s.Inner.Plan(ctx)
	if err == nil {
		err = s.validate(plan)
	}
	if err == nil && whole {
		err = plan.Refusal()
	}
	if err != nil {
		return nil, plan, nil, err
	}
	_, pass := s.readers()
	v := &view{
		source:      s,
		buckets:     spill.New(s.Dir, s.memory()/4*3, pass),
		decoder:     s.batchDecoder(),
		lettersSeen: map[eventID]bool{},
	}
	for _, p := range plan.Partitions {
		v.inputs = append(v.inputs, parseInput(p))
	}
	v.counts = make([]sources.Counts, len(v.inputs))
	inner, err := s.Inner.Open(ctx)
	if err != nil {
		return nil, plan, nil, err
	}
	if fenced, ok := inner.(sources.EndOffsets); ok {
		v.fences = maps.Clone(fenced.EndOffsets())
	}
	v.standing, _ = inner.(sources.GroupOffsetChecker)
	return v, plan, inner, nil
}

// CheckPositions asks the source of the events.
func (s *Source) CheckPositions(ctx context.Context, at map[string]sources.Position) (note string, err error) {
	if inner, ok := s.Inner.(sources.PositionChecker); ok {
		return inner.CheckPositions(ctx, at)
	}
	return "", nil
}

// IsUnavailable asks the source of the events.
func (s *Source) IsUnavailable(err error) bool {
	inner, ok := s.Inner.(sources.Outages)
	return ok && inner.IsUnavailable(err)
}

func (s *Source) batchDecoder() batchDecoder { return batchDecoder{s.Decoder, newTypes()} }
