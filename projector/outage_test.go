package projector_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"humpty/projector"
	"humpty/projector/outage"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// awayError is what a server says that is away: nothing.
type awayError struct{ of *server }

func (*awayError) Error() string { return "connection refused" }

// server can be away for a while, from a moment on.
type server struct {
	lasts time.Duration
	until atomic.Pointer[time.Time]
}

func (s *server) leave() {
	until := time.Now().Add(s.lasts)
	s.until.Store(&until)
}

func (s *server) err() error {
	if until := s.until.Load(); until != nil && time.Now().Before(*until) {
		return &awayError{s}
	}
	return nil
}

func (s *server) IsUnavailable(err error) bool {
	var e *awayError
	return errors.As(err, &e) && e.of == s
}

// remoteSource is a source on a server.
type remoteSource struct {
	*sourcetest.LiveSource
	*server
}

func (d remoteSource) Plan(ctx context.Context) (sources.Plan, error) {
	if err := d.err(); err != nil {
		return sources.Plan{}, err
	}
	return d.LiveSource.Plan(ctx)
}

func (d remoteSource) Capture(ctx context.Context, name string, from sources.Position) (sources.ChangeStream, error) {
	f, err := d.LiveSource.Capture(ctx, name, from)
	return remoteStream{f, d.server}, errors.Join(err, d.err())
}

func (d remoteSource) Open(ctx context.Context) (sources.View, error) {
	v, err := d.LiveSource.Open(ctx)
	return remoteView{v, v.(sources.Expander), d.server}, errors.Join(err, d.err()) //nolint:forcetypeassert // of the fake
}

type remoteStream struct {
	sources.ChangeStream
	*server
}

func (f remoteStream) Fence(ctx context.Context) (string, error) {
	if err := f.err(); err != nil {
		return "", err
	}
	return f.ChangeStream.Fence(ctx)
}

type remoteView struct {
	sources.View
	sources.Expander
	*server
}

func (v remoteView) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	r, err := v.View.Read(ctx, p, from)
	return remoteReader{r, v.server}, errors.Join(err, v.err())
}

func (v remoteView) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	return errors.Join(v.Expander.Lookup(ctx, keys, b), v.err())
}

type remoteReader struct {
	sources.Reader
	*server
}

func (r remoteReader) Next(ctx context.Context, b *sources.Batch) error {
	if err := r.err(); err != nil {
		return err
	}
	return r.Reader.Next(ctx, b)
}

// remoteTarget is a target on a server; its indices are the fake's own.
type remoteTarget struct {
	*sinktest.MemoryTarget
	*server
}

func (d remoteTarget) Survey(ctx context.Context) (sinks.Survey, error) {
	if err := d.err(); err != nil {
		return sinks.Survey{}, err
	}
	return d.MemoryTarget.Survey(ctx)
}

func (d remoteTarget) Renew(ctx context.Context, l sinks.Lease, ttl time.Duration) (sinks.Lease, error) {
	if err := d.err(); err != nil {
		return l, err
	}
	return d.MemoryTarget.Renew(ctx, l, ttl)
}

// Each server goes away in each phase, for ten minutes; the run waits, and goes on in the
// same process.
func TestOutageIsWaitedOut(t *testing.T) {
	t.Parallel()
	for _, phase := range []report.Phase{
		report.PhaseCreate, report.PhaseCapture, report.PhaseLoad, report.PhaseCatchUp, report.PhaseVerify, report.PhaseSwap,
	} {
		for _, which := range []string{"source", "target"} {
			t.Run(fmt.Sprint(which, " in ", phase), func(t *testing.T) {
				t.Parallel()
				synctest.Test(t, func(t *testing.T) {
					l, s := newProcesses(t), &server{lasts: 10 * time.Minute}
					target := remoteTarget{l.memory, &server{}}
					l.source, l.target = remoteSource{l.rows, &server{}}, target
					if which == "source" {
						l.source = remoteSource{l.rows, s}
					} else {
						target.server, l.target = s, remoteTarget{l.memory, s}
					}
					var once atomic.Bool
					var said []string
					cut := func() {
						if once.CompareAndSwap(false, true) {
							s.leave()
						}
					}
					writes := 0
					l.memory.OnWrite = func([]sinks.Document, []sinks.Verdict) error {
						if writes++; phase == report.PhaseLoad && writes == 40 {
							cut()
						}
						return target.err()
					}
					l.memory.OnSwap = func(sinks.AliasChange) error { return target.err() }
					start := time.Now()
					rec, err := l.run(false, func(r *projector.Rebuild) {
						r.Observe = func(e report.Event) {
							switch {
							case e.Kind == report.Started && e.Phase == phase && phase != report.PhaseLoad:
								cut()
								if phase == report.PhaseCatchUp {
									l.rows.Commit(sourcetest.Change{ID: "1", Row: &sourcetest.Row{Group: "g", Value: "later"}})
								}
							case e.Kind == report.Waiting:
								said = append(said, e.Text)
							}
						}
					})
					if err != nil || rec.Status != report.Completed || rec.Resumed || !rec.Ledger.Balances() {
						t.Fatalf("%v: %+v", err, rec)
					}
					took := time.Since(start)
					if got, want := documentsOf(t, l.memory), l.rows.Documents(); !maps.Equal(got, want) {
						t.Errorf("the index holds %d documents, not these %d", len(got), len(want))
					}
					if len(rec.Outages) == 0 { // nothing was asked of that server in that phase
						t.Logf("nobody noticed")
						return
					}
					if took < 9*time.Minute || took > 11*time.Minute || rec.Outages[0].Server != which {
						t.Errorf("it took %s: %+v", took, rec.Outages)
					}
					if text := strings.Join(said, "\n"); !strings.Contains(text, "the "+which+" is away") || !strings.Contains(text, "connection refused") {
						t.Errorf("while it waited it said\n%s", text)
					}
				})
			})
		}
	}
}

func TestOutageEndsTheRunAtLast(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"source", "target"} {
		synctest.Test(t, func(t *testing.T) {
			l, s := newProcesses(t), &server{lasts: time.Hour}
			l.source, l.target = remoteSource{l.rows, &server{}}, remoteTarget{l.memory, &server{}}
			if which == "source" {
				l.source = remoteSource{l.rows, s}
			} else {
				l.target = remoteTarget{l.memory, s}
			}
			writes := 0
			l.memory.OnWrite = func([]sinks.Document, []sinks.Verdict) error {
				if writes++; writes == 40 {
					s.leave()
				}
				return s.err()
			}
			start := time.Now()
			rec, err := l.run(false, func(r *projector.Rebuild) { r.MaxOutage = 5 * time.Minute })
			var outage *outage.Unavailable
			if !errors.As(err, &outage) || outage.Server != which || !rec.Resumable {
				t.Fatalf("%v, resumable %v", err, rec.Resumable)
			}
			if took := time.Since(start); took < 5*time.Minute || took > 6*time.Minute {
				t.Errorf("it waited for %s", took)
			}
			if !strings.Contains(err.Error(), "the "+which+" was away for 5m") {
				t.Errorf("it says %v", err)
			}
			<-time.After(time.Hour) // in virtual time
			l.memory.OnWrite = nil
			if rec, err := l.run(true, nil); err != nil || rec.Status != report.Completed || !rec.Resumed {
				t.Errorf("gone on with: %v: %+v", err, rec)
			}
		})
	}
}

// A run that had not begun fails at once: more often than not its address is wrong.
func TestOutageAtTheStartIsAnError(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		l, s := newProcesses(t), &server{lasts: time.Hour}
		s.leave()
		l.source = remoteSource{l.rows, s}
		start := time.Now()
		if _, err := l.run(false, nil); !s.IsUnavailable(err) || time.Since(start) > 0 {
			t.Errorf("after %s: %v", time.Since(start), err)
		}
	})
}

// snapshotSource is a source at rest on a server that goes away while it is read.
type snapshotSource struct {
	*sourcetest.MemorySource
	*server
}

func (s snapshotSource) Open(ctx context.Context) (sources.View, error) {
	v, err := s.MemorySource.Open(ctx)
	return snapshotView{v, s.server}, err
}

type snapshotView struct {
	sources.View
	*server
}

func (v snapshotView) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	r, err := v.View.Read(ctx, p, from)
	return remoteReader{r, v.server}, err
}

func TestSnapshotCannotOutlastItsSource(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	r, away := s.rebuild(), &server{lasts: time.Hour}
	r.Source = snapshotSource{s.source, away}
	r.Observe = func(e report.Event) {
		if e.Kind == report.Started && e.Phase == report.PhaseLoad {
			away.leave()
		}
	}
	rec, err := r.Run(t.Context())
	if !away.IsUnavailable(err) || !strings.Contains(err.Error(), "whose snapshot is gone") || rec.Resumable {
		t.Errorf("%v, resumable %v", err, rec.Resumable)
	}
}
