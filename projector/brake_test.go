package projector_test

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"humpty/projector"
	"humpty/projector/report"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// busyTarget is a target whose nodes hold nearly all the writes that they can, once it is told.
type busyTarget struct {
	*sinktest.MemoryTarget
	full     atomic.Bool
	searches atomic.Int64
}

func (s *busyTarget) IndexingPressure(context.Context) (float64, error) {
	if s.full.Load() {
		return 0.9, nil
	}
	return 0.1, nil
}

func (s *busyTarget) SearchLatency(context.Context) (time.Duration, error) {
	s.searches.Add(1)
	return time.Second, nil
}

// slowSource reads single documents for longer than the brake's looks are apart.
type slowSource struct{ *sourcetest.LiveSource }

func (s slowSource) Open(ctx context.Context) (sources.View, error) {
	v, err := s.LiveSource.Open(ctx)
	return slowView{v, v.(sources.Expander)}, err //nolint:forcetypeassert // of the fake
}

type slowView struct {
	sources.View
	sources.Expander
}

func (v slowView) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	<-time.After(4 * time.Second)
	return v.Expander.Lookup(ctx, keys, b)
}

// The brake holds while marks are caught up with, too, and the record says so.
func TestBrakeActsInCatchUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l := newProcesses(t)
		target := &busyTarget{MemoryTarget: l.memory}
		l.target = target
		l.source = slowSource{l.rows}
		rec, err := l.run(false, func(r *projector.Rebuild) {
			r.Projection.Limits.Brake = map[int]time.Duration{50: 100 * time.Millisecond}
			r.Observe = func(e report.Event) {
				if e.Kind == report.Started && e.Phase == report.PhaseCatchUp {
					target.full.Store(true)
					for i := range 20 {
						l.rows.Commit(sourcetest.Change{ID: string(rune('a' + i)), Row: &sourcetest.Row{Group: "g", Value: "later"}})
					}
				}
			}
		})
		if err != nil || rec.Status != report.Completed {
			t.Fatalf("%v: %+v", err, rec)
		}
		why := ""
		for _, d := range rec.Pace {
			if d.Phase == report.PhaseCatchUp {
				why += d.Why + "\n"
			}
		}
		if !strings.Contains(why, "a node holds 90% of the writes") {
			t.Errorf("decisions in catch-up:\n%s%+v", why, rec.Pace)
		}
		if target.searches.Load() == 0 {
			t.Error("no search was timed")
		}
	})
}
