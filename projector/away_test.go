package projector_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/marks"
	"humpty/internal/memory"
	"humpty/projector"
	"humpty/projector/observe"
	"humpty/sinks"
)

// followed is an index that a rebuild left to be followed, with a source or a target that
// can go away.
func followed(t *testing.T, which string, lasts time.Duration) (*lives, *server, *projector.Follow) {
	t.Helper()
	l, s := newLives(t), &server{lasts: lasts}
	if rec, err := l.run(false, nil); err != nil {
		t.Fatalf("%v: %+v", err, rec)
	}
	source, target := distant{l.rows, &server{}}, distantTarget{l.memory, &server{}}
	if which == "source" {
		source.server = s
	} else {
		target.server = s
	}
	l.memory.OnWrite = func([]sinks.Document, []sinks.Verdict) error { return target.err() }
	p := projection()
	return l, s, &projector.Follow{
		Projection: p, Source: source, Target: target,
		Open: func(string) (*marks.Store, error) { return marks.Open("marks", marks.Options{FS: l.disk}) },
	}
}

// Each server is away for ten minutes while an index is followed; it is waited for with the
// reason, and what was changed meanwhile comes when it is back.
func TestFollowWaitsOutAnOutage(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"source", "target"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l, s, f := followed(t, which, 12*time.Minute)
				var said, back atomic.Pointer[string]
				f.Observe = func(e observe.Event) {
					switch e.Kind {
					case observe.Waiting:
						said.Store(&e.Text)
					case observe.Notice:
						back.Store(&e.Text)
					}
				}
				ctx, cancel := context.WithCancel(t.Context())
				var group errgroup.Group
				group.Go(func() error { return f.Run(ctx) })
				<-time.After(time.Hour) // in virtual time
				s.leave()
				l.rows.Commit(memory.Change{ID: "1", Row: &memory.Row{Group: "g", Value: "meanwhile"}})
				<-time.After(13 * time.Minute)
				l.rows.Commit(memory.Change{ID: "2", Row: &memory.Row{Group: "g", Value: "later"}})
				<-time.After(time.Minute)
				cancel()
				if err := group.Wait(); err != nil {
					t.Fatal(err)
				}
				if text := said.Load(); text == nil || !strings.Contains(*text, "the "+which+" is away, for ") || !strings.Contains(*text, "connection refused") {
					t.Errorf("while it waited it said %v", text)
				}
				if text := back.Load(); text == nil || !strings.Contains(*text, "the "+which+" is back after ") {
					t.Errorf("then it said %v", text)
				}
				if got, want := documentsOf(t, l.memory), l.rows.Documents(); !maps.Equal(got, want) {
					t.Errorf("the index holds %d documents, not these %d", len(got), len(want))
				}
			})
		})
	}
}

// One that stays away ends it after that time, and a later one goes on.
func TestOutageEndsFollowAtLast(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"source", "target"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l, s, f := followed(t, which, time.Hour)
				f.MaxOutage = 5 * time.Minute
				s.leave()
				start := time.Now()
				l.rows.Commit(memory.Change{ID: "1", Row: &memory.Row{Group: "g", Value: "meanwhile"}})
				err := f.Run(t.Context())
				var outage *projector.Outage
				if !errors.As(err, &outage) || outage.Server != which || !strings.Contains(err.Error(), "humpty follow orders goes on where it was when the "+which+" is back") {
					t.Fatalf("%v", err)
				}
				if took := time.Since(start); took < 5*time.Minute || took > 6*time.Minute {
					t.Errorf("it waited for %s", took)
				}
				<-time.After(time.Hour)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				if err := f.Run(ctx); err != nil {
					t.Fatal(err)
				}
				if got, want := documentsOf(t, l.memory), l.rows.Documents(); !maps.Equal(got, want) {
					t.Errorf("the index holds %d documents, not these %d", len(got), len(want))
				}
			})
		})
	}
}
