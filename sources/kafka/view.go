package kafka

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"humpty/sources"
)

// view is the captured bounds; it holds nothing on the brokers.
type view struct {
	source *Source
	closed atomic.Bool
	tailed atomic.Bool // more partitions are no mistake

	mu         sync.Mutex
	counts     map[string]int32
	ids        map[string]string // of the topics
	partitions map[string]partitionBounds
}

var (
	_ sources.EndOffsets         = (*view)(nil)
	_ sources.Tailer             = (*view)(nil)
	_ sources.OffsetFinder       = (*view)(nil)
	_ sources.GroupOffsetChecker = (*view)(nil)
)

// partitionBounds is what is read of a partition.
type partitionBounds struct {
	topicPartition
	bounds
}

func (v *view) Read(_ context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	if v.closed.Load() {
		return nil, errors.New("kafka: the view is closed")
	}
	v.mu.Lock()
	c, ok := v.partitions[p.ID]
	v.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("kafka: there is no partition %s", p.ID)
	}
	r := &reader{view: v, partition: c.topicPartition, at: v.position(c.topic, c.from), fence: c.fence}
	defer func() { r.began = r.at.offset }()
	for _, t := range v.source.cfg.Topics {
		r.needsAll = r.needsAll || t.Name == c.topic && t.needsAll(c.partition)
	}
	if from == "" {
		if err := v.source.needsStart(c); err != nil {
			return nil, fmt.Errorf("kafka: %w", err)
		}
	} else {
		at, ok := parsePosition(from)
		if !ok {
			return nil, fmt.Errorf("kafka: %q is no position of partition %s", from, p.ID)
		}
		if at.topic == "" {
			at.topic = r.at.topic
		}
		r.at = at
	}
	return r, nil
}

// position is one of a topic as it was when the view was opened; the leader epoch is not known.
func (v *view) position(topic string, offset int64) position {
	return position{offset: offset, epoch: unknownEpoch, topic: v.ids[topic]}
}

// EndOffsets are the offsets at which readers end.
func (v *view) EndOffsets() map[string]sources.Position {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := make(map[string]sources.Position, len(v.partitions))
	for id, c := range v.partitions {
		all[id] = v.position(c.topic, c.fence).format()
	}
	return all
}

func (v *view) Close(context.Context) error {
	v.closed.Store(true)
	return nil
}

// checkPartitions asks whether the topics still have the partitions that were captured; who
// tails them takes in more.
func (v *view) checkPartitions(ctx context.Context) error {
	c := v.source.cluster
	return c.retry(ctx, func() error {
		l, err := c.layout(ctx)
		if err != nil {
			return deletedTopic(err)
		}
		if err := v.source.checkPolicies(ctx, l.counts); err != nil {
			return err
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		if err := sameIDs(v.ids, l.ids); err != nil {
			return err
		}
		if v.tailed.Load() {
			return noFewer(v.counts, l.counts)
		}
		return sameCounts(v.counts, l.counts)
	})
}

// Tail reads a partition behind its fence, without an end.
func (v *view) Tail(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	inner, err := v.Read(ctx, p, from)
	if err != nil {
		return nil, err
	}
	r, ok := inner.(*reader)
	if !ok {
		return nil, errors.New("kafka: a partition has no reader")
	}
	v.tailed.Store(true)
	r.tail, r.fence = true, r.at.offset
	return &tailReader{reader: r}, nil
}

// LatestOffsets are behind everything that is in the log now, transactions that are under way
// included: a broker says that one is committed before its last stable offset has passed
// it, and whoever committed it may have gone on, and counts on it.
func (v *view) LatestOffsets(ctx context.Context) (map[string]sources.Position, error) {
	l, all, err := v.source.bounds(ctx)
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	err = v.source.cluster.retry(ctx, func() error { return v.source.checkPolicies(ctx, l.counts) })
	if err != nil {
		return nil, changesLost(fmt.Errorf("kafka: %w", err))
	}
	if err := v.addPartitions(l, all); err != nil {
		return nil, changesLost(err)
	}
	ends := make(map[string]sources.Position, len(all))
	for p, b := range all {
		ends[p.String()] = sources.Position(strconv.FormatInt(b.end, 10))
	}
	return ends, nil
}

// addPartitions takes in partitions that were not there when the view was opened: who tails it reads
// them from their start.
func (v *view) addPartitions(l layout, all map[topicPartition]bounds) error {
	v.mu.Lock()
	defer v.mu.Unlock()
	if err := errors.Join(sameIDs(v.ids, l.ids), noFewer(v.counts, l.counts)); err != nil {
		return err
	}
	for p, b := range all {
		if _, known := v.partitions[p.String()]; !known {
			if err := v.source.needsStart(partitionBounds{p, b}); err != nil { // retention was faster than we
				return &LostRecordsError{Topic: p.topic, Partition: p.partition, Position: 0, Start: b.log, End: b.end}
			}
			b.fence = b.from
			v.partitions[p.String()] = partitionBounds{p, b}
		}
	}
	v.counts = l.counts
	return nil
}

// BeginningOffset is where a partition is read from that nobody has read of.
func (v *view) BeginningOffset(partition string) sources.Position {
	v.mu.Lock()
	defer v.mu.Unlock()
	p := v.partitions[partition]
	return v.position(p.topic, p.from).format()
}

// OffsetLag counts offsets: markers and compaction make them more than records.
func (v *view) OffsetLag(from, to sources.Position) int64 {
	a, ok1 := parsePosition(from)
	b, ok2 := parsePosition(to)
	if !ok1 || !ok2 {
		return 0
	}
	return max(b.offset-a.offset, 0)
}

// OffsetsForTime asks for the first record of each partition whose time is at least a moment.
func (v *view) OffsetsForTime(ctx context.Context, moment time.Time) (map[string]sources.Position, error) {
	c := v.source.cluster
	times := make(map[topicPartition]int64, len(v.partitions))
	for _, p := range v.partitions {
		times[p.topicPartition] = max(moment.UnixMilli(), 0)
	}
	var found map[topicPartition]int64
	err := c.retry(ctx, func() error {
		l, err := c.layout(ctx)
		if err == nil {
			found, err = c.offsets(ctx, l, uncommitted, times)
		}
		if err != nil {
			return deletedTopic(err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	all := make(map[string]sources.Position, len(v.partitions))
	for id, p := range v.partitions {
		at := found[p.topicPartition]
		if at < 0 || at > p.fence { // nothing is that new
			at = p.fence
		}
		all[id] = sources.Position(strconv.FormatInt(max(at, p.from), 10))
	}
	return all, nil
}

// CheckGroupOffset asks whether the groups are still where the view ends.
func (v *view) CheckGroupOffset(ctx context.Context) error {
	var moved, back []string
	v.mu.Lock()
	defer v.mu.Unlock()
	for _, t := range v.source.cfg.Topics {
		if t.Group == "" {
			continue
		}
		now, err := v.source.committedOffsets(ctx, t, v.counts[t.Name])
		if err != nil {
			return fmt.Errorf("kafka: %w", err)
		}
		for _, i := range slices.Sorted(maps.Keys(now)) {
			p := topicPartition{t.Name, i}
			was := v.partitions[p.String()].fence
			if now[i] != was && (now[i] >= 0 || was > v.partitions[p.String()].log) {
				moved = append(moved, fmt.Sprintf("group %s, partition %s: %d, and now %d", t.Group, p, was, now[i]))
			}
			back = append(back, fmt.Sprintf("%s=%d", p, was))
		}
	}
	if len(moved) == 0 {
		return nil
	}
	return &sources.ErrChangesLost{
		Why:    "the projector went on during the run, and what it wrote meanwhile is in the old index alone (" + strings.Join(moved, "; ") + ")",
		Remedy: "stop it during the rebuild; or, if it may write the same events again, stop it, set it back to " + strings.Join(back, " ") + ", swap by hand, and start it",
	}
}
