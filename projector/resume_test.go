package projector_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources/sourcetest"
)

// process is one life of a run: it dies at a moment that the test chooses, and leaves what
// a power loss would leave of its store. Rows change at each step, until the swap begins.
type process struct {
	source *sourcetest.LiveSource
	write  func()
	disk   *vfs.MemFS
	left   *vfs.MemFS // what a power loss left; nil: it did not die
	die    context.CancelCauseFunc

	mu    sync.Mutex
	quiet bool
	acked int // when it died
	steps int // until it dies; negative: never
}

var errKilled = errors.New("killed")

func (p *process) step(phase report.Phase) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.quiet = p.quiet || phase == report.PhaseSwap; !p.quiet {
		p.write()
	}
	if p.steps--; p.steps == 0 {
		p.acked = p.source.Acknowledged()
		p.left = p.disk.CrashClone(vfs.CrashCloneCfg{})
		p.die(errKilled)
	}
}

// live runs until the end, or its death.
func (p *process) live(t *testing.T, target *sinktest.MemoryTarget, resume bool) (projector.Record, error) {
	t.Helper()
	store, err := checkpoint.Open("marks", checkpoint.Options{FS: p.disk})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancelCause(t.Context())
	defer cancel(nil)
	p.die = cancel
	target.OnWrite = func([]sinks.Document, []sinks.Verdict) error { p.step(""); return nil }
	rebuild := &projector.Rebuild{
		Projection: projection(), Source: p.source, Target: target, Owner: sinks.Owner{Run: "live"},
		Live:    &projector.Live{Checkpoint: store, Writer: projector.WriterFollow, Resume: resume},
		Observe: func(e report.Event) { p.step(e.Phase) },
	}
	rec, err := rebuild.Run(ctx)
	if closeErr := store.Close(); closeErr != nil {
		t.Error(closeErr)
	}
	return rec, err
}

// A run is killed again and again, at random moments, while rows change; each time a new
// process goes on with what a power loss left. At the end the index is as the source.
func TestResumeLosesNoWrite(t *testing.T) {
	t.Parallel()
	for seed := range uint64(30) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			rng := rand.New(rand.NewPCG(seed, 1))
			source, target := sourcetest.NewLiveSource(), &sinktest.MemoryTarget{Name: "orders"}
			source.Partitions = 8
			for i := range 80 {
				source.Commit(sourcetest.Change{ID: fmt.Sprint(i), Row: &sourcetest.Row{Group: fmt.Sprint("g", i%5), Value: "before"}})
			}
			writes := 0
			write := func() {
				writes++
				change := sourcetest.Change{ID: fmt.Sprint(rng.IntN(90)), Row: &sourcetest.Row{Group: fmt.Sprint("g", rng.IntN(5)), Value: fmt.Sprint(writes)}}
				switch rng.IntN(8) {
				case 0:
					change.Row = nil
				case 1:
					change = sourcetest.Change{Group: fmt.Sprint("g", rng.IntN(5)), Value: fmt.Sprint(writes)}
				}
				source.Commit(change)
			}
			disk, begun := vfs.NewCrashableMem(), false
			for life := 1; ; life++ {
				p := &process{source: source, write: write, disk: disk, steps: rng.IntN(100) + 1}
				if life == 8 {
					p.steps = -1
				}
				rec, err := p.live(t, target, begun)
				if err == nil {
					if rec.Status != report.Completed || !rec.Ledger.Balances() || rec.Resumed != begun {
						t.Errorf("life %d: record %+v", life, rec)
					}
					break
				}
				if p.left == nil {
					t.Fatalf("life %d: %v", life, err)
				}
				source.Unacknowledge(p.acked)
				disk = p.left
				begun = begunIn(t, disk.CrashClone(vfs.CrashCloneCfg{})) != nil
			}
			if got, want := documentsOf(t, target), source.Documents(); !maps.Equal(got, want) {
				t.Errorf("after %d writes the index differs: %d documents instead of %d; replay with seed %d", writes, len(got), len(want), seed)
			}
		})
	}
}

func begunIn(t *testing.T, disk *vfs.MemFS) *checkpoint.Run {
	t.Helper()
	store, err := checkpoint.Open("marks", checkpoint.Options{FS: disk})
	if err != nil {
		t.Fatal(err)
	}
	begun, err := checkpoint.ReadRun(store)
	if err = errors.Join(err, store.Close()); err != nil {
		t.Fatal(err)
	}
	return begun
}
