package kafka

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"sync/atomic"

	"humpty/sources"
)

// view is the captured bounds; it holds nothing on the brokers.
type view struct {
	source *Source
	closed atomic.Bool
	tailed atomic.Bool // more partitions are no mistake

	mu     sync.Mutex
	counts map[string]int32
	all    map[string]captured
}

var _ sources.EndOffsets = (*view)(nil)

type captured struct {
	place
	bounds
}

func (v *view) Read(_ context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	if v.closed.Load() {
		return nil, errors.New("kafka: the view is closed")
	}
	v.mu.Lock()
	c, ok := v.all[p.ID]
	v.mu.Unlock()
	if !ok {
		return nil, fmt.Errorf("kafka: there is no partition %s", p.ID)
	}
	r := &reader{view: v, place: c.place, position: c.from, fence: c.fence}
	if from != "" {
		at, err := strconv.ParseInt(string(from), 10, 64)
		if err != nil || at < 0 {
			return nil, fmt.Errorf("kafka: %q is no position of partition %s", from, p.ID)
		}
		r.position = at
	}
	return r, nil
}

// EndOffsets are the offsets at which readers end.
func (v *view) EndOffsets() map[string]sources.Position {
	v.mu.Lock()
	defer v.mu.Unlock()
	all := make(map[string]sources.Position, len(v.all))
	for id, c := range v.all {
		all[id] = sources.Position(strconv.FormatInt(c.fence, 10))
	}
	return all
}

func (v *view) Close(context.Context) error {
	v.closed.Store(true)
	return nil
}

// unchanged asks whether the topics still have the partitions that were captured; who
// tails them takes in more.
func (v *view) unchanged(ctx context.Context) error {
	c := v.source.cluster
	return c.patiently(ctx, func() error {
		l, err := c.layout(ctx)
		if err != nil {
			return gone(err)
		}
		v.mu.Lock()
		defer v.mu.Unlock()
		if v.tailed.Load() {
			return noFewer(v.counts, l.counts)
		}
		return sameCounts(v.counts, l.counts)
	})
}
