package projector_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/projector/checkpoint"
	"humpty/projector/follow"
	"humpty/projector/outage"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources/sourcetest"
)

// followerOf is an index that a rebuild left to be followed, with a source or a target that
// can go away.
func followerOf(t *testing.T, which string, lasts time.Duration) (*processes, *server, *follow.Projector) {
	t.Helper()
	l, s := newProcesses(t), &server{lasts: lasts}
	if rec, err := l.run(false, nil); err != nil {
		t.Fatalf("%v: %+v", err, rec)
	}
	source, target := remoteSource{l.rows, &server{}}, remoteTarget{l.memory, &server{}}
	if which == "source" {
		source.server = s
	} else {
		target.server = s
	}
	l.memory.OnWrite = func([]sinks.Document, []sinks.Verdict) error { return target.err() }
	p := projection()
	return l, s, &follow.Projector{
		Projection: p, Source: source, Target: target,
		Open: func(string) (*checkpoint.Store, error) {
			return checkpoint.Open("marks", checkpoint.Options{FS: l.disk})
		},
	}
}

// Each server is away for a while when an index is followed; it is waited for with the
// reason, and what was changed meanwhile comes when it is back. The time is real: the store
// of the marks does not like to be opened again in another.
func TestFollowWaitsOutAnOutage(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"source", "target"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			l, s, f := followerOf(t, which, time.Second)
			said, back := make(chan string, 100), make(chan string, 1)
			f.Observe = func(e report.Event) {
				switch e.Kind {
				case report.Waiting:
					said <- e.Text
				case report.Notice:
					back <- e.Text
				}
			}
			ctx, cancel := context.WithCancel(t.Context())
			var group errgroup.Group
			group.Go(func() error { return f.Run(ctx) })
			s.leave()
			l.rows.Commit(sourcetest.Change{ID: "1", Row: &sourcetest.Row{Group: "g", Value: "meanwhile"}})
			if text := <-said; !strings.Contains(text, "the "+which+" is away, for ") || !strings.Contains(text, "connection refused") {
				t.Errorf("while it waited it said %s", text)
			}
			if text := <-back; !strings.Contains(text, "the "+which+" is back after ") {
				t.Errorf("then it said %s", text)
			}
			l.rows.Commit(sourcetest.Change{ID: "2", Row: &sourcetest.Row{Group: "g", Value: "later"}})
			l.until(func() bool { return maps.Equal(documentsOf(t, l.memory), l.rows.Documents()) })
			cancel()
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// until waits for something that comes soon.
func (l *processes) until(so func() bool) {
	l.t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for late := time.After(time.Minute); !so(); {
		select {
		case <-tick.C:
		case <-late:
			l.t.Fatal("it does not come")
		}
	}
}

// One that stays away ends it after that time, and a later one goes on.
func TestOutageEndsFollowAtLast(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"source", "target"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			l, s, f := followerOf(t, which, time.Hour)
			f.MaxOutage = 300 * time.Millisecond
			s.leave()
			start := time.Now()
			l.rows.Commit(sourcetest.Change{ID: "1", Row: &sourcetest.Row{Group: "g", Value: "meanwhile"}})
			err := f.Run(t.Context())
			var outage *outage.Unavailable
			if !errors.As(err, &outage) || outage.Server != which || !strings.Contains(err.Error(), "humpty follow orders goes on where it was when the "+which+" is back") {
				t.Fatalf("%v", err)
			}
			if took := time.Since(start); took < f.MaxOutage {
				t.Errorf("it waited for %s", took)
			}
			s.until.Store(nil)
			ctx, cancel := context.WithCancel(t.Context())
			var group errgroup.Group
			group.Go(func() error { return f.Run(ctx) })
			l.until(func() bool { return maps.Equal(documentsOf(t, l.memory), l.rows.Documents()) })
			cancel()
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
		})
	}
}
