package kafka

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"humpty/sources"
)

var _ sources.OffsetFinder = (*view)(nil)

// OffsetsForTime asks for the first record of each partition whose time is at least a moment.
func (v *view) OffsetsForTime(ctx context.Context, moment time.Time) (map[string]sources.Position, error) {
	c := v.source.cluster
	times := make(map[place]int64, len(v.all))
	for _, p := range v.all {
		times[p.place] = max(moment.UnixMilli(), 0)
	}
	var found map[place]int64
	err := c.patiently(ctx, func() error {
		l, err := c.layout(ctx)
		if err == nil {
			found, err = c.offsets(ctx, l, uncommitted, times)
		}
		if err != nil {
			return gone(err)
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("kafka: %w", err)
	}
	all := make(map[string]sources.Position, len(v.all))
	for id, p := range v.all {
		at := found[p.place]
		if at < 0 || at > p.fence { // nothing is that new
			at = p.fence
		}
		all[id] = sources.Position(strconv.FormatInt(max(at, p.from), 10))
	}
	return all, nil
}

// gap is err as one that says that a log has not what was asked for.
func gap(target any, err error) bool {
	to, ok := target.(**sources.ErrChangesLost)
	if ok {
		*to = &sources.ErrChangesLost{Why: err.Error()}
	}
	return ok
}

// As makes it a *sources.ErrChangesLost for those who know that word only.
func (e *Lost) As(target any) bool { return gap(target, e) }

// As makes it a *sources.ErrChangesLost for those who know that word only.
func (e *Changed) As(target any) bool { return gap(target, e) }
