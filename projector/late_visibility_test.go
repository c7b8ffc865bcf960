package projector_test

import (
	"maps"
	"slices"
	"testing"

	"humpty/projector"
	"humpty/projector/report"
	"humpty/sinks/sinktest"
	"humpty/sources/sourcetest"
)

// The last commit of all is in the stream long before a read sees it, and nothing is
// committed behind it that would bring its document up again: the run waits for it, and
// what was read too early does not stay.
func TestQuietEnd(t *testing.T) {
	t.Parallel()
	for _, writer := range []projector.Writer{projector.WriterFollow, projector.WriterFreeze, projector.WriterHandover} {
		t.Run(string(writer), func(t *testing.T) {
			t.Parallel()
			source, target := sourcetest.NewLiveSource(), &sinktest.MemoryTarget{Name: "orders"}
			for _, id := range []string{"1", "2", "3"} {
				source.Commit(sourcetest.Change{ID: id, Row: &sourcetest.Row{Group: "g", Value: "before"}})
			}
			if _, err := liveRebuild(t, source, target, projector.WriterFreeze).Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			var last uint64 // the transaction
			tooEarly := 0
			source.OnLookup = func(ids []string) {
				if last == 0 || !slices.Contains(ids, "2") {
					return
				}
				if tooEarly++; tooEarly == 3 {
					source.Reveal(last)
				}
			}
			rebuild := liveRebuild(t, source, target, writer)
			rebuild.Observe = func(e report.Event) {
				if e.Kind == report.Started && e.Phase == report.PhaseSeal {
					last = source.Stage(sourcetest.Change{ID: "2", Row: &sourcetest.Row{Group: "g", Value: "after"}})
				}
			}
			if _, err := rebuild.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			if tooEarly < 3 {
				t.Errorf("the run ended after %d readings that did not see the commit", tooEarly)
			}
			if !maps.Equal(documentsOf(t, target), source.Documents()) {
				t.Errorf("the index has %v, the source %v", documentsOf(t, target), source.Documents())
			}
		})
	}
}
