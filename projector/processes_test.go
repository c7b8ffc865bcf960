package projector_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/generation"
	"humpty/projector/repair"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// processes is one run over several processes, on a source at rest.
type processes struct {
	t      *testing.T
	rows   *sourcetest.LiveSource
	source sources.Source
	memory *sinktest.MemoryTarget
	target sinks.Target
	disk   vfs.FS
	writer projector.Writer
}

func newProcesses(t *testing.T) *processes {
	t.Helper()
	l := &processes{t: t, rows: sourcetest.NewLiveSource(), memory: &sinktest.MemoryTarget{Name: "orders"}, disk: vfs.NewMem(), writer: projector.WriterFollow}
	l.rows.Partitions = 8
	for i := range 80 {
		l.rows.Commit(sourcetest.Change{ID: fmt.Sprint(i), Row: &sourcetest.Row{Group: "g", Value: "x"}})
	}
	l.source, l.target = l.rows, l.memory
	return l
}

func (l *processes) run(resume bool, edit func(*projector.Rebuild)) (projector.Record, error) {
	l.t.Helper()
	store, err := checkpoint.Open("marks", checkpoint.Options{FS: l.disk})
	if err != nil {
		l.t.Fatal(err)
	}
	r := &projector.Rebuild{
		Projection: projection(), Source: l.source, Target: l.target, Owner: sinks.Owner{Run: "live"},
		Live: &projector.Live{Checkpoint: store, Writer: l.writer, Resume: resume},
	}
	r.Projection.Text = []byte(`{"alias": "orders", "document": {"From": "orders"}}`)
	if edit != nil {
		edit(r)
	}
	rec, err := r.Run(l.t.Context())
	if closeErr := store.Close(); closeErr != nil {
		l.t.Error(closeErr)
	}
	return rec, err
}

// dies is a process that fails at the n-th write.
func (l *processes) dies(resume bool, n int) projector.Record {
	l.t.Helper()
	l.memory.OnWrite = func([]sinks.Document, []sinks.Verdict) error {
		if n--; n <= 0 {
			return errKilled
		}
		return nil
	}
	rec, err := l.run(resume, nil)
	l.memory.OnWrite = nil
	if !errors.Is(err, errKilled) || !rec.Resumable {
		l.t.Fatalf("%v, resumable %v", err, rec.Resumable)
	}
	return rec
}

func (l *processes) begun() *checkpoint.Run {
	l.t.Helper()
	store, err := checkpoint.Open("marks", checkpoint.Options{FS: l.disk})
	if err != nil {
		l.t.Fatal(err)
	}
	begun, err := checkpoint.ReadRun(store)
	if err = errors.Join(err, store.Close()); err != nil {
		l.t.Fatal(err)
	}
	return begun
}

func TestResumeRefuses(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		name      string
		before    func(*processes)
		edit      func(*projector.Rebuild)
		want      []string
		resumable bool
	}{
		{
			name: "a changed definition, with the difference",
			edit: func(r *projector.Rebuild) {
				r.Projection.Hash = "other"
				r.Projection.Text = []byte(`{"alias": "orders", "document": {"From": "order"}, "versions": "class"}`)
			},
			want: []string{
				"orders was changed since run live began", `document.From: was "orders", is "order"`,
				`versions: was not there, is "class"`, "put it back and resume", "humpty rebuild orders --new",
			},
			resumable: true,
		},
		{
			name: "a generation that is gone", before: func(l *processes) { l.memory.Lose(l.begun().Generation) },
			want: []string{"of run live is gone", "humpty rebuild orders --new"},
		},
		{
			name: "the run of another projection", edit: func(r *projector.Rebuild) { r.Projection.Name = "invoices" },
			want: []string{"run live is one of projection orders, not of invoices"}, resumable: true,
		},
		{
			name: "a run that began nothing", before: func(l *processes) { l.disk = vfs.NewMem() },
			want: []string{"there is no run to go on with"},
		},
		{
			name: "a run that is over", before: func(l *processes) {
				if _, err := l.run(true, nil); err != nil {
					l.t.Fatal(err)
				}
			},
			want: []string{"run live ended ", "as completed", "nothing to resume", "--new"},
		},
		{
			name: "to begin in the folder of another run", edit: func(r *projector.Rebuild) { r.Live.Resume = false },
			want: []string{"the state folder is that of run live", "humpty resume live"},
		},
	} {
		t.Run(tc.name, func(t *testing.T) {
			t.Parallel()
			l := newProcesses(t)
			l.dies(false, 30)
			if tc.before != nil {
				tc.before(l)
			}
			rec, err := l.run(true, tc.edit)
			for _, want := range tc.want {
				if err == nil || !strings.Contains(err.Error(), want) {
					t.Errorf("it says %v, not %s", err, want)
				}
			}
			if rec.Resumable != tc.resumable {
				t.Errorf("resumable: %v", rec.Resumable)
			}
		})
	}
}

// What a refusal about the command's own words leaves can still be gone on with.
func TestRefusedResumeLeavesTheRun(t *testing.T) {
	t.Parallel()
	l := newProcesses(t)
	l.dies(false, 30)
	if _, err := l.run(true, func(r *projector.Rebuild) { r.Projection.Hash = "other" }); err == nil {
		t.Fatal("not refused")
	}
	if begun := l.begun(); begun.Ended != nil || begun.Done == 0 {
		t.Fatalf("left: %+v", begun)
	}
	if rec, err := l.run(true, nil); err != nil || rec.Status != report.Completed {
		t.Fatalf("%+v, %v", rec, err)
	}
	if begun := l.begun(); begun.Ended == nil || begun.Ended.Status != report.Completed {
		t.Errorf("how it ended is not on record: %+v", begun)
	}
}

// countedSource counts the rows that readers give.
type countedSource struct {
	*sourcetest.LiveSource
	rows *atomic.Int64
}

type countedView struct {
	sources.View
	sources.Expander
	rows *atomic.Int64
}

type countedReader struct {
	sources.Reader
	rows *atomic.Int64
}

func (c countedSource) Plan(ctx context.Context) (sources.Plan, error) {
	p, err := c.LiveSource.Plan(ctx)
	p.Readers = 2
	return p, err
}

func (c countedSource) Open(ctx context.Context) (sources.View, error) {
	v, err := c.LiveSource.Open(ctx)
	return countedView{v, v.(sources.Expander), c.rows}, err //nolint:forcetypeassert // of the fake
}

func (v countedView) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	r, err := v.View.Read(ctx, p, from)
	return countedReader{r, v.rows}, err
}

func (r countedReader) Next(ctx context.Context, b *sources.Batch) error {
	err := r.Reader.Next(ctx, b)
	r.rows.Add(int64(len(b.Records)))
	return err
}

// A process that goes on reads again what the workers of the dead one had begun, and
// nothing else: with two readers and one writer at most three of the eight partitions.
func TestResumeReadsAgainOnlyWhatWasBegun(t *testing.T) {
	t.Parallel()
	for _, at := range []int{5, 20, 40, 60, 79} {
		l := newProcesses(t)
		var rows, loaded atomic.Int64
		l.source = countedSource{l.rows, &rows}
		one := func(r *projector.Rebuild) {
			r.Projection.Limits.Writers = 1
			r.Observe = func(e report.Event) {
				if e.Kind == report.Ended && e.Phase == report.PhaseLoad {
					loaded.Store(rows.Load())
				}
			}
		}
		n := at
		l.memory.OnWrite = func([]sinks.Document, []sinks.Verdict) error {
			if n--; n == 0 {
				return errKilled
			}
			return nil
		}
		if _, err := l.run(false, one); !errors.Is(err, errKilled) {
			t.Fatal(err)
		}
		largest := int64(0)
		sizes := map[string]int64{}
		for id := range l.rows.Documents() {
			p := l.rows.PartitionOf(id)
			sizes[p]++
			largest = max(largest, sizes[p])
		}
		rec, err := l.run(true, one)
		if err != nil {
			t.Fatal(err)
		}
		if again := loaded.Load() - 80; again < 0 || again > 3*largest {
			t.Errorf("killed at write %d: %d rows were read again; 3 partitions have at most %d", at, again, 3*largest)
		}
		if rec.Ledger.Inputs.Read != 80 || rec.Ledger.Written != 80 {
			t.Errorf("the ledger of both processes: %+v", rec.Ledger)
		}
	}
}

// dyingTarget swaps, and the process dies before it knows.
type dyingTarget struct {
	*sinktest.MemoryTarget
	dead *atomic.Bool
}

func (d dyingTarget) Swap(ctx context.Context, change sinks.AliasChange) error {
	d.dead.Store(true)
	return errors.Join(d.MemoryTarget.Swap(ctx, change), errKilled)
}

func (d dyingTarget) Survey(ctx context.Context) (sinks.Survey, error) {
	if d.dead.Load() {
		return sinks.Survey{}, errKilled
	}
	return d.MemoryTarget.Survey(ctx)
}

func TestResumeBehindTheSwap(t *testing.T) {
	t.Parallel()
	for _, writer := range []projector.Writer{projector.WriterFollow, projector.WriterFreeze, projector.WriterHandover} {
		t.Run(string(writer), func(t *testing.T) {
			t.Parallel()
			l := newProcesses(t)
			l.writer = writer
			l.target = dyingTarget{l.memory, new(atomic.Bool)}
			first, err := l.run(false, nil)
			if !errors.Is(err, errKilled) || !first.Resumable {
				t.Fatalf("%v, resumable %v", err, first.Resumable)
			}
			l.rows.Commit(sourcetest.Change{ID: "80", Row: &sourcetest.Row{Group: "g", Value: "later"}})
			if writer != projector.WriterFollow { // the application writes to what serves, as behind a freeze too
				if err := l.memory.Put("80", l.rows.Documents()["80"]); err != nil {
					t.Fatal(err)
				}
			}
			l.target = l.memory
			rec, err := l.run(true, nil)
			if err != nil || rec.Status != report.Completed || rec.Generation != first.Generation {
				t.Fatalf("%v: %+v", err, rec)
			}
			if got, want := documentsOf(t, l.memory), l.rows.Documents(); !maps.Equal(got, want) {
				t.Errorf("the index holds %d documents, not these %d", len(got), len(want))
			}
		})
	}
}

// When the source has forgotten changes, the run is over, and says what is left of it.
func TestGapEndsTheRun(t *testing.T) {
	t.Parallel()
	l := newProcesses(t)
	was := l.dies(false, 60)
	l.rows.Skip("live") // somebody else went on with the capture
	rec, err := l.run(true, nil)
	var gap *sources.ErrChangesLost
	if !errors.As(err, &gap) || rec.Resumable || rec.Status != report.Failed {
		t.Fatalf("%v: %+v", err, rec)
	}
	for _, want := range []string{
		"so the run cannot go on", fmt.Sprintf("generation %s holds ", was.Generation), "of 8 partitions",
		"humpty swap orders --to " + was.Generation, "humpty rebuild orders --new",
	} {
		if !strings.Contains(err.Error(), want) {
			t.Errorf("it says %v, not %s", err, want)
		}
	}
	if begun := l.begun(); begun.Ended == nil || !strings.Contains(begun.Ended.Reason, "cannot go on") {
		t.Errorf("on record: %+v", begun.Ended)
	}
	if _, err := l.run(true, nil); err == nil || !strings.Contains(err.Error(), "nothing to resume") {
		t.Errorf("resumed again: %v", err)
	}
	saved := &repair.Repair{Verify: repair.Verify{
		Projection: projection(), Source: l.rows, Target: l.memory, Owner: sinks.Owner{Run: "save"}, Generation: was.Generation,
	}}
	if _, err := saved.Run(t.Context()); err != nil {
		t.Errorf("what the message says does not work: %v", err)
	}
}

// A run dies between the block and the swap: the next command of any kind lets the
// application write again, and so does going on.
func TestBlockOfADeadRunIsLifted(t *testing.T) {
	t.Parallel()
	l := newProcesses(t)
	first, err := l.run(false, nil)
	if err != nil {
		t.Fatal(err)
	}
	l.writer, l.disk = projector.WriterFreeze, vfs.NewMem()
	dead := errors.New("dead")
	l.target = stuckBlockTarget{l.memory}
	l.memory.OnSwap = func(sinks.AliasChange) error { return dead }
	if rec, err := l.run(false, nil); !errors.Is(err, dead) || !rec.Resumable {
		t.Fatalf("%v: %+v", err, rec)
	}
	if !l.memory.Blocked(first.Generation) {
		t.Fatal("the run left no block")
	}
	l.memory.OnSwap, l.target = nil, l.memory
	m := &generation.Admin{Projection: projection().Name, Alias: projection().Alias, Target: l.memory, Owner: sinks.Owner{Run: "other"}}
	free, err := l.memory.Holder(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lease, err := l.memory.Take(t.Context(), free, sinks.Owner{Run: "live"}, time.Minute) // as if it lived
	if err != nil {
		t.Fatal(err)
	}
	var refusal *problem.Refusal
	if _, err := m.Heal(t.Context()); !errors.As(err, &refusal) || !strings.Contains(refusal.Why, "is blocked for writes by run live: run live (") || !l.memory.Blocked(first.Generation) {
		t.Errorf("a block of a living run: %v", err)
	}
	if err := l.memory.Release(t.Context(), lease); err != nil {
		t.Fatal(err)
	}
	done, err := m.Heal(t.Context())
	if err != nil || len(done) != 1 || !strings.Contains(done[0], first.Generation+", which alias orders serves, is blocked for writes by run live") {
		t.Errorf("put right: %v, %v", done, err)
	}
	if l.memory.Blocked(first.Generation) {
		t.Error("what serves is still blocked")
	}
	if done, err := m.Heal(t.Context()); err != nil || len(done) > 0 {
		t.Errorf("nothing is wrong any more: %v, %v", done, err)
	}
	if rec, err := l.run(true, nil); err != nil || rec.Status != report.Completed {
		t.Fatalf("%v: %+v", err, rec)
	}
	if _, err := m.Rollback(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if l.memory.Blocked(first.Generation) {
		t.Error("what serves after the rollback is blocked")
	}
}

// stuckBlockTarget is a target that a process dies on before it can lift its block.
type stuckBlockTarget struct{ *sinktest.MemoryTarget }

func (stuckBlockTarget) Unblock(context.Context, string) error { return nil }
