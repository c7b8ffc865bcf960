package projector_test

import (
	"context"
	"errors"
	"maps"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// slowTarget says that a swap failed, and does it before the next change.
type slowTarget struct {
	*sinktest.MemoryTarget
	late *sinks.AliasChange
}

func (s *slowTarget) Swap(_ context.Context, change sinks.AliasChange) error {
	s.late = &change
	return errors.New("no answer in time")
}

func (s *slowTarget) Unblock(ctx context.Context, index string) error {
	if s.late != nil {
		if err := s.MemoryTarget.Swap(ctx, *s.late); err != nil {
			return err
		}
		s.late = nil
	}
	return s.MemoryTarget.Unblock(ctx, index)
}

// A swap behind a block has no answer and comes late: the application writes to the new
// generation when it may write again, so the run must neither end as failed nor be gone on with.
func TestSwapBehindABlockThatComesLate(t *testing.T) {
	t.Parallel()
	l := newProcesses(t)
	if _, err := l.run(false, nil); err != nil {
		t.Fatal(err)
	}
	l.writer, l.disk = projector.WriterFreeze, vfs.NewMem()
	l.target = &slowTarget{MemoryTarget: l.memory}
	l.rows.Commit(sourcetest.Change{ID: "80", Row: &sourcetest.Row{Group: "g", Value: "later"}})
	rec, err := l.run(false, nil)
	if err != nil || rec.Status != report.Completed || rec.Resumable {
		t.Fatalf("%v: %s, resumable %v", err, rec.Status, rec.Resumable)
	}
	survey, err := l.memory.Survey(t.Context())
	if g, _ := survey.Find(rec.Generation); err != nil || survey.Live() != rec.Generation || g.Meta.State != sinks.Live {
		t.Errorf("%v: alias serves %s, state %s", err, survey.Live(), g.Meta.State)
	}
	if got, want := documentsOf(t, l.memory), l.rows.Documents(); !maps.Equal(got, want) {
		t.Errorf("the index holds %d documents, not these %d", len(got), len(want))
	}
}

// robbedTarget loses the lease at the last moment before the swap, as a machine does that sleeps.
type robbedTarget struct{ *sinktest.MemoryTarget }

func (r robbedTarget) Block(ctx context.Context, index string) error {
	r.Steal(sinks.Owner{Run: "other", Host: "elsewhere"})
	return r.MemoryTarget.Block(ctx, index)
}

func TestNoSwapWhenTheLeaseWasTakenOnTheWay(t *testing.T) {
	t.Parallel()
	l := newProcesses(t)
	first, err := l.run(false, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.writer, l.disk = projector.WriterFreeze, vfs.NewMem()
	l.target = robbedTarget{l.memory}
	var swapped atomic.Bool
	l.memory.OnSwap = func(sinks.AliasChange) error { swapped.Store(true); return nil }
	var refusal *problem.Refusal
	if _, err := l.run(false, nil); !errors.As(err, &refusal) || swapped.Load() {
		t.Errorf("swapped %v: %v", swapped.Load(), err)
	}
	survey, err := l.memory.Survey(t.Context())
	if err != nil || survey.Live() != first.Generation || l.memory.Blocked(first.Generation) {
		t.Errorf("%v: %s serves, blocked %v", err, survey.Live(), l.memory.Blocked(first.Generation))
	}
}

// departingSource is a source whose server goes away when the alias has been swapped.
type departingSource struct {
	*sourcetest.LiveSource
	server
	releases int
	denied   bool
}

func (d *departingSource) Capture(ctx context.Context, name string, from sources.Position) (sources.ChangeStream, error) {
	f, err := d.LiveSource.Capture(ctx, name, from)
	return departingStream{f, d}, err
}

func (d *departingSource) Release(ctx context.Context, name string) error {
	switch d.releases++; {
	case d.denied:
		return errors.New("permission denied")
	case d.releases < 3:
		return &awayError{&d.server}
	}
	return d.LiveSource.Release(ctx, name)
}

type departingStream struct {
	sources.ChangeStream
	of *departingSource
}

func (f departingStream) Close(ctx context.Context) error {
	return errors.Join(f.ChangeStream.Close(ctx), &awayError{&f.of.server})
}

// What goes away behind the swap takes nothing from a run that is done, and what it left
// there is dropped when it is back.
func TestSourceThatGoesAwayBehindTheSwap(t *testing.T) {
	t.Parallel()
	l := newProcesses(t)
	d := &departingSource{LiveSource: l.rows}
	l.source, l.writer = d, projector.WriterFreeze
	rec, err := l.run(false, nil)
	if err != nil || rec.Status != report.Completed || d.releases != 3 {
		t.Errorf("%v: %s, released at the %d. time", err, rec.Status, d.releases)
	}
	d.denied, l.disk = true, vfs.NewMem()
	rec, err = l.run(false, nil)
	if err == nil || !strings.Contains(err.Error(), "humpty prune orders") {
		t.Errorf("the capture is left without a word: %v, %s", err, rec.Status)
	}
}
