package fold

import (
	"context"
	"errors"
	"fmt"
	"math"
	"sync/atomic"
	"time"

	"humpty/sources"
)

var _ sources.SinceOpener = (*Source)(nil)

// CountSince counts offsets: markers and compaction make them more than events.
func (s *Source) CountSince(ctx context.Context, from map[string]sources.Position) (events, read int64, err error) {
	v, plan, inner, err := s.openEmpty(ctx, !s.Newest)
	if err != nil {
		return 0, 0, err
	}
	defer func() { err = errors.Join(err, inner.Close(ctx)) }()
	d := &delta{}
	if err := d.setOffsets(v, from); err != nil {
		return 0, 0, err
	}
	for i, in := range v.inputs {
		end, err := sources.OffsetOf(v.fences[in.partition.ID])
		if err != nil {
			return 0, 0, err // fits has read it: a defect
		}
		events += end - d.from[i]
	}
	if s.Newest || events == 0 {
		return events, events, nil
	}
	return events, events + plan.Rows, nil
}

// OpenSince reads the events behind the positions. Where the newest event decides (Newest),
// these are all it needs, and of those before them the ones that are not older than the
// oldest of these: between partitions the time decides. Elsewhere it then reads everything,
// to fold again the documents that they concern, and keeps the events of no other.
func (s *Source) OpenSince(ctx context.Context, from map[string]sources.Position, taken time.Time) (sources.View, error) {
	v, plan, inner, err := s.openEmpty(ctx, !s.Newest)
	if err != nil {
		return nil, err
	}
	v.delta = &delta{touched: make([]atomic.Uint64, touchedBits/64)}
	v.delta.oldest.Store(math.MaxInt64)
	err = v.since(ctx, plan, inner, from, taken)
	if err == nil {
		err = v.buckets.Flush()
	}
	v.delta.touched = nil
	if err = errors.Join(err, inner.Close(ctx)); err != nil {
		return nil, errors.Join(fmt.Errorf("fold: %w", err), v.buckets.Close())
	}
	return v, nil
}

func (v *view) since(ctx context.Context, plan sources.Plan, inner sources.View, from map[string]sources.Position, taken time.Time) error {
	if err := v.delta.setOffsets(v, from); err != nil {
		return err
	}
	dated, ok := inner.(sources.OffsetFinder)
	if !ok {
		return &sources.ErrChangesLost{Why: "its events cannot be found by their time"}
	}
	if err := v.checkUnchanged(ctx, dated, taken); err != nil {
		return err
	}
	r := v.newReplay(inner, newEventSink{v}, v.addCounts)
	r.from, r.account, r.fences = from, &v.account, v.fences
	err := r.run(ctx, plan)
	r.refine(v.fences)
	if err != nil || v.delta.oldest.Load() == math.MaxInt64 {
		return err
	}
	r = v.newReplay(inner, rereadSink{v}, func(source int, c sources.Counts) {
		v.addCounts(source, sources.Counts{Rows: c.Rows, Bytes: c.Bytes})
	})
	if v.source.Newest {
		return v.readOverlap(ctx, r, plan, dated)
	}
	r.total = plan.Rows
	return r.run(ctx, plan)
}

// newReplay is one of the logs, whose events go to a sink.
func (v *view) newReplay(inner sources.View, to entrySink, meet func(int, sources.Counts)) *replay {
	r := &replay{inputs: v.inputs, inner: inner, onProgress: v.source.Observe, disk: &v.buckets.Spilled}
	r.consume = func(source int, batch *sources.Batch, into *Decoded) (sources.Counts, error) {
		counts, err := v.decoder.decodeBatch(source, batch, into, to)
		meet(source, counts)
		return counts, err
	}
	return r
}

// readOverlap reads the events before the positions that may be newer than one behind them.
func (v *view) readOverlap(ctx context.Context, r *replay, plan sources.Plan, dated sources.OffsetFinder) error {
	if len(v.inputs) == 1 {
		return nil
	}
	starts, err := dated.OffsetsForTime(ctx, time.UnixMilli(v.delta.oldest.Load()))
	if err != nil {
		return err
	}
	r.from, r.until = starts, make([]int64, len(v.inputs))
	for i, in := range v.inputs {
		at, err := sources.OffsetOf(starts[in.partition.ID])
		if err == nil && at < v.delta.from[i] {
			r.until[i] = v.delta.from[i]
		}
	}
	return r.run(ctx, plan)
}

// checkUnchanged makes sure that what lies before the positions is not newer than these: a topic that
// was deleted and made again begins later, whatever its offsets are.
func (v *view) checkUnchanged(ctx context.Context, dated sources.OffsetFinder, taken time.Time) error {
	later, err := dated.OffsetsForTime(ctx, taken)
	if err != nil {
		return err
	}
	for i, in := range v.inputs {
		id := in.partition.ID
		at, err := sources.OffsetOf(later[id])
		if err != nil || at < v.delta.from[i] {
			return &sources.ErrChangesLost{Why: fmt.Sprintf("%s has events at %s that are newer than %s, when its position was %d: it was made again, or clocks differ",
				id, later[id], taken.Format(time.RFC3339), v.delta.from[i])}
		}
	}
	return nil
}
