package projector_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"

	"github.com/cockroachdb/pebble/v2/vfs"
	"golang.org/x/sync/errgroup"

	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources/sourcetest"
)

// liveRebuild is a rebuild of a source that changes.
func liveRebuild(t *testing.T, source *sourcetest.LiveSource, target *sinktest.MemoryTarget, writer projector.Writer) *projector.Rebuild {
	t.Helper()
	store, err := checkpoint.Open("marks", checkpoint.Options{FS: vfs.NewMem()})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := store.Close(); err != nil {
			t.Error(err)
		}
	})
	return &projector.Rebuild{
		Projection: projection(), Source: source, Target: target, Owner: sinks.Owner{Run: "live"},
		Live: &projector.Live{Checkpoint: store, Writer: writer},
	}
}

func documentsOf(t *testing.T, target *sinktest.MemoryTarget) map[string]string {
	t.Helper()
	survey, err := target.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	index, err := target.Open(t.Context(), survey.Live())
	if err != nil {
		t.Fatal(err)
	}
	docs := map[string]string{}
	err = index.Scan(t.Context(), 0, 1, func(page []sinks.Document) error {
		for _, d := range page {
			docs[string(d.ID)] = string(d.Body)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return docs
}

// A writer changes rows from before the run until after the swap. With freeze the index
// at the swap holds at least everything committed before the block; here the writer stops
// when the old index is blocked, as an application does, so they must be equal.
func TestLiveRebuildLosesNoWrite(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			source, target := sourcetest.NewLiveSource(), &sinktest.MemoryTarget{Name: "orders"}
			for i := range 200 {
				source.Commit(sourcetest.Change{ID: fmt.Sprint(i), Row: &sourcetest.Row{Group: fmt.Sprint("g", i%5), Value: "before"}})
			}
			first, err := liveRebuild(t, source, target, projector.WriterFreeze).Run(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if target.Blocked(first.Generation) {
				t.Fatal("the new generation is blocked")
			}

			rebuild := liveRebuild(t, source, target, projector.WriterFreeze)
			ticks := make(chan struct{}, 1000) // of the run: the writer writes a little at each
			tick := func() {
				select {
				case ticks <- struct{}{}:
				default:
				}
			}
			source.OnLookup = func([]string) { tick() }
			written := make(chan struct{})
			rebuild.Observe = func(e report.Event) {
				tick()
				if e.Kind == report.Started && e.Phase == report.PhaseLoad {
					<-written // however quick the run is, something is written meanwhile
				}
			}
			writes := 0
			var underWay sync.Mutex // a write, from its look at the block to its commit
			target.OnBlock = func() { underWay.Lock(); defer underWay.Unlock() }
			var writer errgroup.Group
			writer.Go(func() error {
				rng := rand.New(rand.NewPCG(seed, 0))
				for range ticks {
					for range 1 + rng.IntN(4) {
						change := sourcetest.Change{ID: fmt.Sprint(rng.IntN(250)), Row: &sourcetest.Row{Group: fmt.Sprint("g", rng.IntN(5)), Value: fmt.Sprint(writes)}}
						switch rng.IntN(10) {
						case 0:
							change.Row = nil
						case 1:
							change = sourcetest.Change{Group: fmt.Sprint("g", rng.IntN(5)), Value: fmt.Sprint(writes)}
						}
						underWay.Lock()
						blocked := target.Blocked(first.Generation)
						if !blocked {
							if writes++; writes == 1 {
								close(written)
							}
							source.Commit(change)
						}
						underWay.Unlock()
						if blocked {
							return nil
						}
					}
				}
				return nil
			})
			second, err := rebuild.Run(t.Context())
			close(ticks)
			if err != nil {
				t.Fatal(err)
			}
			if err := writer.Wait(); err != nil {
				t.Fatal(err)
			}
			source.OnLookup = nil
			if writes == 0 {
				t.Error("nothing was written meanwhile")
			}
			if !maps.Equal(documentsOf(t, target), source.Documents()) {
				t.Errorf("the index differs after %d writes; replay with seed %d", writes, seed)
			}
			if second.Status != report.Completed || len(second.Rounds) == 0 || !second.Ledger.Balances() {
				t.Errorf("record %+v", second)
			}
			balanced(t, second)
		})
	}
}

// An application that never stops writes every change to the alias, too: to whatever index
// it serves then, before, while and after it is swapped.
func TestHandoverUnderAWriterThatNeverStops(t *testing.T) {
	t.Parallel()
	for seed := range uint64(10) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			source, target := sourcetest.NewLiveSource(), &sinktest.MemoryTarget{Name: "orders"}
			for i := range 200 {
				source.Commit(sourcetest.Change{ID: fmt.Sprint(i), Row: &sourcetest.Row{Group: "g", Value: "before"}})
			}
			if _, err := liveRebuild(t, source, target, projector.WriterHandover).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			rebuild := liveRebuild(t, source, target, projector.WriterHandover)
			ticks := make(chan struct{}, 1000)
			tick := func() {
				select {
				case ticks <- struct{}{}:
				default:
				}
			}
			source.OnLookup = func([]string) { tick() }
			target.OnFence = tick
			target.OnWriteIf = tick
			rebuild.Observe = func(report.Event) { tick() }
			writes := 0
			var writer errgroup.Group
			writer.Go(func() error {
				rng := rand.New(rand.NewPCG(seed, 0))
				for range ticks {
					for range rng.IntN(5) {
						change := sourcetest.Change{ID: fmt.Sprint(rng.IntN(250)), Row: &sourcetest.Row{Group: "g", Value: fmt.Sprint(writes)}}
						if rng.IntN(5) == 0 {
							change.Row = nil
						}
						writes++
						source.Commit(change)
						if err := target.Put(change.ID, source.Documents()[change.ID]); err != nil {
							return err
						}
					}
				}
				return nil
			})
			rec, err := rebuild.Run(t.Context())
			close(ticks)
			if err := errors.Join(err, writer.Wait()); err != nil {
				t.Fatal(err)
			}
			if !maps.Equal(documentsOf(t, target), source.Documents()) {
				t.Errorf("the index differs after %d writes; replay with seed %d", writes, seed)
			}
			if rec.Status != report.Completed || !rec.Ledger.Balances() {
				t.Errorf("record %+v", rec)
			}
		})
	}
}

func TestFailedSwapUnblocksTheOldIndex(t *testing.T) {
	t.Parallel()
	source, target := sourcetest.NewLiveSource(), &sinktest.MemoryTarget{Name: "orders"}
	source.Commit(sourcetest.Change{ID: "1", Row: &sourcetest.Row{Value: "x"}})
	first, err := liveRebuild(t, source, target, projector.WriterFreeze).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	boom := errors.New("boom")
	target.OnSwap = func(sinks.AliasChange) error {
		if !target.Blocked(first.Generation) {
			t.Error("swapped without a block")
		}
		return boom
	}
	if _, err := liveRebuild(t, source, target, projector.WriterFreeze).Run(t.Context()); !errors.Is(err, boom) {
		t.Fatal(err)
	}
	if target.Blocked(first.Generation) {
		t.Error("the index that serves is still blocked")
	}
}

func TestLiveNeedsASourceThatTells(t *testing.T) {
	t.Parallel()
	s := setup(t, 3)
	r := s.rebuild()
	r.Live = &projector.Live{Writer: projector.WriterFollow}
	if _, err := r.Run(t.Context()); err == nil || !strings.Contains(err.Error(), "consistency: snapshot") {
		t.Errorf("error %v", err)
	}
}
