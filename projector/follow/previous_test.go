package follow

import (
	"context"
	"errors"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/generation"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// releasing counts the captures of run r1 that are released.
type releasing struct {
	*sourcetest.LiveSource
	released atomic.Int64
}

func (r *releasing) Release(_ context.Context, run string) error {
	if run == "r1" {
		r.released.Add(1)
	}
	return nil
}

// blueGreen makes two generations, the first by a definition that is not the one followed by.
func (s *stage) blueGreen(feed generation.FeedFor) (first string, f *Projector) {
	s.t.Helper()
	s.write(1, 100)
	store, err := s.open("r1")
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.of("r1", &projector.Live{Checkpoint: store, Writer: projector.WriterFollow})
	r.Projection.Hash = "old"
	record, err := r.Run(s.t.Context())
	if err := errors.Join(err, store.Close()); err != nil {
		s.t.Fatal(err)
	}
	s.rebuild("r2", projector.WriterFollow)
	f = s.follow()
	f.Source = &releasing{LiveSource: s.live}
	f.Projection.Feed = feed
	f.Stored = func(g sinks.Generation) (projector.Projection, sources.Source, error) {
		of := f.Projection
		of.Hash = g.Meta.Definition
		return of, f.Source, nil
	}
	return record.Generation, f
}

// The one that served before is fed by the definition that is stored with it, for its time; then
// its capture is released, and what serves is followed on.
func TestPreviousByItsOwnDefinition(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first, f := s.blueGreen(generation.FeedFor(3 * time.Second))
	var fed, ended atomic.Bool
	told := ""
	f.Observe = func(e report.Event) {
		if e.Kind == report.Notice {
			told += e.Text + "\n"
		}
	}
	err := s.until(f, func() error { s.write(2, 200); return nil }, func(e report.Event) bool {
		if e.Lag == nil {
			return false
		}
		if e.Lag.Generation == first && e.Lag.Backlog == 0 && s.equal(first) {
			fed.Store(true)
		}
		if e.Lag.Ended {
			ended.Store(true)
			s.write(3, 50)
		}
		return ended.Load() && !e.Lag.Ended && e.Lag.Backlog == 0 && s.equal("")
	})
	if err != nil || !fed.Load() {
		t.Fatalf("fed: %v; %v", fed.Load(), err)
	}
	for _, want := range []string{"by the definition that it was made by", "its capture is released: the time of keep.feed_previous is over"} {
		if !strings.Contains(told, want) {
			t.Errorf("it does not say %q: %s", want, told)
		}
	}
	if f.Source.(*releasing).released.Load() != 1 {
		t.Error("its capture was not released once")
	}
}

// What goes wrong with the one that served before is told, and tried again; what serves is
// followed meanwhile.
func TestTroubleOfThePreviousHoldsUpNothing(t *testing.T) {
	t.Parallel()
	for name, spoil := range map[string]func(f *Projector, broken error){
		"its state": func(f *Projector, broken error) {
			open := f.Open
			f.Open = func(run string) (*checkpoint.Store, error) {
				if run == "r1" {
					return nil, broken
				}
				return open(run)
			}
		},
		"its definition": func(f *Projector, broken error) {
			f.Stored = func(sinks.Generation) (projector.Projection, sources.Source, error) {
				return projector.Projection{}, nil, &problem.Refusal{Why: broken.Error()}
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			_, f := s.blueGreen(-1)
			spoil(f, errors.New("it is broken"))
			told := 0
			f.Observe = func(e report.Event) {
				if e.Kind == report.Notice && strings.Contains(e.Text, "it is broken") {
					told++
				}
			}
			err := s.until(f, func() error { s.write(2, 100); return nil }, func(e report.Event) bool {
				return e.Lag != nil && e.Lag.Aside == "" && e.Lag.Backlog == 0 && s.equal("")
			})
			if err != nil || told != 1 {
				t.Errorf("it was told %d times; %v", told, err)
			}
		})
	}
}

// CatchUp writes all that is committed by now to the one that served before, and ends.
func TestCatchUpWithThePrevious(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	first, f := s.blueGreen(-1)
	for round := range uint64(3) {
		s.write(10+round, 100)
		if s.equal(first) {
			t.Fatal("nothing is to be caught up with")
		}
		if err := f.CatchUp(t.Context(), first); err != nil {
			t.Fatal(err)
		}
		if !s.equal(first) {
			t.Error("it has not what was committed")
		}
	}
}
