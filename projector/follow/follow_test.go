package follow

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/errgroup"

	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// stage is a source that changes, an alias, and the state folder between them.
type stage struct {
	t      *testing.T
	live   *sourcetest.LiveSource
	target *sinktest.MemoryTarget
	fs     vfs.FS
	byRow  bool
}

func (s *stage) projection() projector.Projection {
	p := projector.Projection{Name: "orders", Alias: "orders", Hash: "h"}
	if s.byRow {
		p.Versions, p.Limits.MaxShrink = sinks.ByRow, 1
	}
	return p
}

func newStage(t *testing.T) *stage {
	t.Helper()
	return &stage{t: t, live: sourcetest.NewLiveSource(), target: &sinktest.MemoryTarget{Name: "orders"}, fs: vfs.NewMem()}
}

func (s *stage) open(run string) (*checkpoint.Store, error) {
	return checkpoint.Open(run, checkpoint.Options{FS: s.fs})
}

func (s *stage) rebuild(run string, writer projector.Writer) {
	s.t.Helper()
	store, err := s.open(run)
	if err != nil {
		s.t.Fatal(err)
	}
	r := s.of(run, &projector.Live{Checkpoint: store, Writer: writer})
	_, err = r.Run(s.t.Context())
	if err := errors.Join(err, store.Close()); err != nil {
		s.t.Fatal(err)
	}
}

func (s *stage) of(run string, live *projector.Live) *projector.Rebuild {
	return &projector.Rebuild{
		Projection: s.projection(), Source: s.live, Target: s.target,
		Owner: sinks.Owner{Run: run}, Live: live, AllowEmpty: true,
	}
}

func (s *stage) follow() *Projector {
	return &Projector{
		Projection: s.projection(), Source: s.live, Target: s.target,
		Open: s.open, hurry: true,
	}
}

// equal compares a generation with the rows; "" is the one that serves.
func (s *stage) equal(name string) bool {
	survey, err := s.target.Survey(context.WithoutCancel(s.t.Context()))
	if name == "" {
		name = survey.Live()
	}
	index, openErr := s.target.Open(context.WithoutCancel(s.t.Context()), name)
	if err := errors.Join(err, openErr); err != nil {
		s.t.Error(err)
		return false
	}
	got := map[string]string{}
	err = index.Scan(context.WithoutCancel(s.t.Context()), 0, 1, func(docs []sinks.Document) error {
		for _, d := range docs {
			got[string(d.ID)] = string(d.Body)
		}
		return nil
	})
	if err != nil {
		s.t.Error(err)
	}
	return maps.Equal(got, s.live.Documents())
}

// until runs a Follow beside work until the condition holds for an event behind it.
func (s *stage) until(f *Projector, work func() error, done func(report.Event) bool) error {
	ctx, cancel := context.WithCancel(s.t.Context())
	defer cancel()
	worked := make(chan struct{})
	told := f.Observe
	f.Observe = func(e report.Event) {
		if told != nil {
			told(e)
		}
		select {
		case <-worked:
			if done(e) {
				cancel()
			}
		default:
		}
	}
	var group errgroup.Group
	group.Go(func() error { return f.Run(ctx) })
	group.Go(func() error {
		defer close(worked)
		return work()
	})
	return group.Wait()
}

func (s *stage) write(seed uint64, n int) {
	rng := rand.New(rand.NewPCG(seed, 0))
	for i := range n {
		change := sourcetest.Change{ID: fmt.Sprint(rng.IntN(50)), Row: &sourcetest.Row{Group: fmt.Sprint("g", rng.IntN(3)), Value: fmt.Sprint(i)}}
		switch rng.IntN(6) {
		case 0:
			change.Row = nil
		case 1:
			change = sourcetest.Change{Group: fmt.Sprint("g", rng.IntN(3)), Value: fmt.Sprint(i)}
		}
		s.live.Commit(change)
	}
}

func TestFollowKeepsUpAndGoesOn(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.write(1, 100)
	s.rebuild("r1", projector.WriterFollow)
	for round := range uint64(2) {
		s.write(10+round, 20) // while nobody follows
		var lag *report.Lag
		err := s.until(s.follow(), func() error { s.write(20+round, 300); return nil }, func(e report.Event) bool {
			if e.Lag != nil {
				lag = e.Lag
			}
			return lag != nil && lag.Backlog == 0 && s.equal("")
		})
		if err != nil {
			t.Fatal(err)
		}
		if lag.Generation == "" || lag.Behind != 0 {
			t.Errorf("lag %+v", lag)
		}
	}
}

// A rebuild beside a Follow: when the alias is swapped, the Follow goes on with the new
// generation; with Projection.Feed the old one stays as right as the new one.
func TestFollowMovesWithTheAlias(t *testing.T) {
	t.Parallel()
	for _, keep := range []bool{false, true} {
		t.Run(fmt.Sprint("keep previous ", keep), func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			s.write(1, 100)
			s.rebuild("r1", projector.WriterFollow)
			first, err := s.target.Survey(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			f := s.follow()
			if keep {
				f.Projection.Feed = -1
			}
			err = s.until(f, func() error {
				s.rebuild("r2", projector.WriterFollow)
				s.write(2, 100)
				return nil
			}, func(e report.Event) bool {
				return e.Kind == report.Lagging && e.Lag.Generation != first.Live() && e.Lag.Backlog == 0 && s.equal("") && (!keep || s.equal(first.Live()))
			})
			if err != nil {
				t.Fatal(err)
			}
		})
	}
}

// What fails for a while is outlasted and told.
func TestFollowOutlastsTroubles(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.write(1, 50)
	s.rebuild("r1", projector.WriterFollow)
	broken := errors.New("the connection is broken")
	var mu sync.Mutex
	left := 3
	s.target.OnWrite = func([]sinks.Document, []sinks.Verdict) error {
		mu.Lock()
		defer mu.Unlock()
		if left--; left >= 0 {
			return broken
		}
		return nil
	}
	told := 0
	f := s.follow()
	f.Observe = func(e report.Event) {
		if e.Kind == report.Notice && strings.Contains(e.Text, broken.Error()) {
			told++
		}
	}
	err := s.until(f, func() error { s.write(2, 50); return nil }, func(e report.Event) bool {
		return e.Lag != nil && e.Lag.Backlog == 0 && s.equal("")
	})
	if err != nil || told == 0 {
		t.Fatalf("told %d times; %v", told, err)
	}
}

func TestFollowRefuses(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		prepare func(*stage, *Projector)
		want    string
	}{
		"no generation": {func(*stage, *Projector) {}, "nothing to follow"},
		"another definition": {func(s *stage, f *Projector) {
			s.rebuild("r1", projector.WriterFollow)
			f.Projection.Hash = "other"
		}, "was changed since"},
		"no marks": {func(s *stage, f *Projector) {
			s.rebuild("r1", projector.WriterFollow)
			f.Open = func(string) (*checkpoint.Store, error) { return s.open("elsewhere") }
		}, "another state folder"},
		"handed over": {func(s *stage, f *Projector) {
			s.rebuild("r1", projector.WriterHandover)
			_ = f
		}, "would undo its writes"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newStage(t)
			f := s.follow()
			tc.prepare(s, f)
			var refusal *problem.Refusal
			if err := f.Run(t.Context()); !errors.As(err, &refusal) || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want %q", err, tc.want)
			}
		})
	}
}

// misconfigured is a source whose settings do not let a capture go on.
type misconfigured struct{ *sourcetest.LiveSource }

func (misconfigured) Capture(context.Context, string, sources.Position) (sources.ChangeStream, error) {
	return nil, problem.List{{What: "the replica identity of t does not hold up", Remedy: "ALTER TABLE t REPLICA IDENTITY FULL;"}}
}

// What only a change of the source's settings helps is said at once, not tried for ten minutes.
func TestFollowStopsAtSettings(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.write(1, 50)
	s.rebuild("r1", projector.WriterFollow)
	f := s.follow()
	f.Source = misconfigured{s.live}
	f.Observe = func(e report.Event) {
		if e.Kind == report.Notice {
			t.Errorf("it was tried again: %s", e.Text)
		}
	}
	var wrong problem.List
	if err := f.Run(t.Context()); !errors.As(err, &wrong) {
		t.Errorf("error %v", err)
	}
}

// A capture that moved on without its marks lost changes.
func TestFollowStopsAtAGap(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.write(1, 50)
	s.rebuild("r1", projector.WriterFollow)
	old, err := s.open("r1")
	if err != nil {
		t.Fatal(err)
	}
	position, err := old.Position()
	if err := errors.Join(err, old.Close()); err != nil {
		t.Fatal(err)
	}
	s.write(2, 50)
	feed, err := s.live.Capture(t.Context(), "r1", position)
	if err != nil {
		t.Fatal(err)
	}
	var m sources.ChangeSet
	for range 50 {
		if err := feed.Next(t.Context(), &m); err != nil {
			t.Fatal(err)
		}
	}
	if err := feed.Acknowledge(t.Context(), m.Position); err != nil {
		t.Fatal(err)
	}
	var gap *sources.ErrChangesLost
	if err := s.follow().Run(t.Context()); !errors.As(err, &gap) {
		t.Errorf("error %v", err)
	}
}

// A process that dies behind the swap: the next one settles what is left beside the
// application, whose own spelling of a document is not a difference any more.
func TestHandoverGoesOnBehindTheSwap(t *testing.T) {
	t.Parallel()
	s := newStage(t)
	s.write(1, 50)
	s.rebuild("r1", projector.WriterHandover)
	s.write(2, 50)
	store, err := s.open("r2")
	if err != nil {
		t.Fatal(err)
	}
	late := sourcetest.Change{ID: "late", Row: &sourcetest.Row{Value: "committed before the swap"}}
	s.target.OnSwap = func(sinks.AliasChange) error {
		s.live.Commit(late)
		return nil
	}
	crash := errors.New("crash")
	s.target.OnWrite = func(docs []sinks.Document, _ []sinks.Verdict) error {
		if string(docs[0].ID) == "late" {
			return crash
		}
		return nil
	}
	rec, err := s.of("r2", &projector.Live{Checkpoint: store, Writer: projector.WriterHandover}).Run(t.Context())
	if !errors.Is(err, crash) || !rec.Resumable {
		t.Fatalf("resumable %v, error %v", rec.Resumable, err)
	}
	s.target.OnSwap, s.target.OnWrite = nil, nil
	if err := s.target.Put("own", `{"spelled": "by the application"}`); err != nil {
		t.Fatal(err)
	}
	rec, err = s.of("r2", &projector.Live{Checkpoint: store, Writer: projector.WriterHandover, Resume: true}).Run(t.Context())
	if err := errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	if rec.Status != report.Completed {
		t.Errorf("status %s", rec.Status)
	}
	if err := s.target.Put("own", ""); err != nil {
		t.Fatal(err)
	}
	if !s.equal("") {
		t.Error("the index differs")
	}
}
