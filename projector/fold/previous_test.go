package fold_test

import (
	"context"
	"errors"
	"path/filepath"
	"testing"

	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/follow"
	"humpty/projector/generation"
	"humpty/projector/report"
	"humpty/sinks"
)

// The generation before is fed from topics, too, each from a capture of its own: whichever
// the alias serves after a rollback has every event.
func TestPreviousGenerationIsFedFromTopics(t *testing.T) {
	t.Parallel()
	w, dir := newLiveTopic(3), t.TempDir()
	some := func() {
		for range 60 {
			if err := w.write(); err != nil {
				t.Fatal(err)
			}
		}
	}
	stores := func(run string) (*checkpoint.Store, error) {
		return checkpoint.Open(filepath.Join(dir, run, "marks"), checkpoint.Options{})
	}
	source := liveSource(&w.log, dir)
	source.Store.Dir = func(capture string) string { return filepath.Join(dir, capture, "events") }
	projection := projector.Projection{Name: "orders", Alias: "orders", Feed: -1}
	rebuild := func(run string) string {
		some()
		store, err := stores(run)
		if err != nil {
			t.Fatal(err)
		}
		r := projector.Rebuild{
			Projection: projection, Source: source, Target: w.target, Owner: sinks.Owner{Run: run},
			Live: &projector.Live{Checkpoint: store, Writer: projector.WriterFollow},
		}
		record, err := r.Run(t.Context())
		if err := errors.Join(err, store.Close()); err != nil {
			t.Fatal(err)
		}
		return record.Generation
	}
	// followed lets humpty follow both until they are level with the topic.
	followed := func(generations ...string) {
		t.Helper()
		some()
		want := oracle(&w.history, mergeOracle)
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		f := follow.Projector{
			Projection: projection, Source: source, Target: w.target, Open: stores,
			Observe: func(e report.Event) {
				for _, g := range generations {
					if len(differences(t, w.target, g, want)) > 0 {
						return
					}
				}
				cancel()
			},
		}
		if err := f.Run(ctx); err != nil {
			t.Fatal(err)
		}
		for _, g := range generations {
			compare(t, w.target, g, want)
		}
	}
	first := rebuild("first")
	second := rebuild("second")
	followed(second, first)
	m := generation.Admin{Projection: projection.Name, Alias: projection.Alias, Keep: projection.Keep, Target: w.target, Owner: sinks.Owner{Run: "rollback"}}
	if _, err := m.Rollback(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	compare(t, w.target, first, oracle(&w.history, mergeOracle))
	followed(first)
}
