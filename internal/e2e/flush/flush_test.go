// Package flush has PostgreSQL crash between the reading of a commit and its way to the disk.
package flush

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"testing"

	"humpty/projector"
	"humpty/projector/follow"
	"humpty/projector/repair"
	"humpty/projector/report"
	"humpty/sinks"
)

// histories are runs in which the server takes back what was read. They return nil where the run
// says that all is right.
var histories = map[string]func(*world) error{
	"a load":                      loseInLoad,
	"a round of catch-up":         loseInCatchUp,
	"the last catch-up, handover": func(w *world) error { return loseBeforeSwap(w, projector.WriterHandover) },
	"the last catch-up, freeze":   func(w *world) error { return loseBeforeSwap(w, projector.WriterFreeze) },
	"follow":                      loseInFollow,
	"a repair":                    loseInRepair,
	"a retry":                     loseInRetry,
	"a snapshot":                  loseInSnapshot,
}

// TestCommitsThatACrashTakesBack: at the end the index is what the table holds. Without the rule
// it is not, though each run says that it is.
func TestCommitsThatACrashTakesBack(t *testing.T) {
	t.Parallel()
	stack := startServer(t)
	for name, history := range histories {
		for _, forget := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, forget %v", name, forget), func(t *testing.T) { //nolint:paralleltest // each crashes the server
				w := newWorld(t, stack, forget)
				if err := history(w); err != nil {
					t.Fatal(err)
				}
				switch differing := w.differing(); {
				case !forget && len(differing) > 0:
					t.Errorf("these are not as the table has them: %v", differing)
				case forget && len(differing) == 0:
					t.Error("right without the rule: the history does not show what it is for")
				}
			})
		}
	}
}

// loseInLoad: rows, and a small table that is held in memory, are read as they never were. To
// read them again is not enough: document 100 is of no row then.
func loseInLoad(w *world) error {
	w.source.onOpen = sync.OnceFunc(func() {
		w.async("update orders set v = 'lost' where id = 1")
		w.async("delete from orders where id = 2")
		w.async("insert into orders values (100, 'lost', 1)")
		w.async("update customer set name = 'lost' where id = 1")
	})
	w.target.OnWrite = func([]sinks.Document, []sinks.Verdict) error { w.crash(); return nil }
	_, err := w.rebuild(projector.WriterFreeze, nil)
	return err
}

// loseInCatchUp: a marked row is read as it never was, and a row leads to a changed include that
// never belonged to it.
func loseInCatchUp(w *world) error {
	var expanded atomic.Bool
	w.source.onOpen = sync.OnceFunc(func() {
		w.sync("update orders set v = 'changed' where id = 1")
		w.sync("update customer set name = 'changed' where id = 2")
	})
	w.source.onLookup = sync.OnceFunc(func() { w.async("update orders set v = 'lost' where id = 1") })
	w.source.onExpand = sync.OnceFunc(func() {
		w.async("update orders set customer_id = 2 where id = 9")
		expanded.Store(true)
	})
	w.target.OnWrite = func(docs []sinks.Document, _ []sinks.Verdict) error {
		if expanded.Load() && slices.ContainsFunc(docs, func(d sinks.Document) bool { return string(d.ID) == "9" }) {
			w.crash()
		}
		return nil
	}
	_, err := w.rebuild(projector.WriterFreeze, nil)
	return err
}

// loseBeforeSwap: what is lost was read by the last catch-up, behind its fence.
func loseBeforeSwap(w *world, writer projector.Writer) error {
	var swapping atomic.Bool
	lose := sync.OnceFunc(func() { w.async("update orders set v = 'lost' where id = 3") })
	w.source.onLookup = func() {
		if swapping.Load() {
			lose()
		}
	}
	w.target.OnSwap = func(sinks.AliasChange) error { w.crash(); return nil }
	_, err := w.rebuild(writer, func(e report.Event) {
		if e.Kind == report.Started && e.Phase == report.PhaseSwap && !swapping.Swap(true) {
			w.sync("update orders set v = 'changed' where id = 3")
		}
	})
	return err
}

// loseInFollow: a later change comes, so follow has seen all that the stream has.
func loseInFollow(w *world) error {
	if _, err := w.rebuild(projector.WriterFollow, nil); err != nil {
		return err
	}
	w.source.onLookup = sync.OnceFunc(func() { w.async("update orders set v = 'lost' where id = 4") })
	w.target.OnWrite = func(docs []sinks.Document, _ []sinks.Verdict) error {
		if string(docs[0].ID) == "4" {
			w.crash()
		}
		return nil
	}
	ctx, cancel := context.WithCancel(w.t.Context())
	defer cancel()
	f := follow.Projector{Projection: w.projection(), Source: w.source, Target: w.target, Open: w.open}
	begun := sync.OnceFunc(func() { w.sync("update orders set v = 'changed' where id = 4") })
	later := sync.OnceFunc(func() { w.sync("update orders set v = 'later' where id = 5") })
	f.Observe = func(e report.Event) {
		switch e.Kind {
		case report.Notice: // the server was away, and is back
			later()
		case report.Lagging:
			begun()
			if five, _ := w.index()["5"].(map[string]any); five["v"] == "later" && e.Lag.Backlog == 0 {
				cancel()
			}
		default:
		}
	}
	return f.Run(ctx)
}

func loseInRepair(w *world) error {
	if err := w.staleIndex(); err != nil {
		return err
	}
	r := repair.Repair{Verify: w.verify(), MaxDelete: -1, MaxStale: -1}
	result, err := r.Run(w.t.Context())
	if err == nil && result.Repair.Written == 0 {
		err = errors.New("nothing was written")
	}
	w.crash()
	return err
}

func loseInRetry(w *world) error {
	if err := w.staleIndex(); err != nil {
		return err
	}
	r := repair.Retry{Verify: w.verify(), Keys: []sinks.Key{{ID: []byte("6")}}}
	_, err := r.Run(w.t.Context())
	w.crash()
	return err
}

// staleIndex leaves an index that has to be repaired, by a commit that is not flushed.
func (w *world) staleIndex() error {
	_, err := w.rebuild("", nil)
	w.sync("update orders set v = 'changed' where id = 6")
	w.source.onOpen = sync.OnceFunc(func() { w.async("update orders set v = 'lost' where id = 6") })
	return err
}

func (w *world) verify() repair.Verify {
	return repair.Verify{Projection: w.projection(), Source: w.source, Target: w.target, Owner: sinks.Owner{Run: "repair"}, Settle: 1}
}

// loseInSnapshot: the moment that the index is of must not be taken back behind the run.
func loseInSnapshot(w *world) error {
	w.source.onOpen = sync.OnceFunc(func() { w.async("update orders set v = 'lost' where id = 7") })
	_, err := w.rebuild("", nil)
	w.crash()
	return err
}
