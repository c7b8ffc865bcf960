package join_test

import (
	"fmt"
	"strings"
	"testing"

	"humpty/projector/join"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// TestInputsOfTablesAndTopics: where a table has events in its documents, both are counted,
// each by its own partitions.
func TestInputsOfTablesAndTopics(t *testing.T) {
	t.Parallel()
	table := &sourcetest.MemorySource{Page: 3}
	for i := range 10 {
		table.Records = append(table.Records, sources.Record{Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"id":%d}`, i)})
	}
	events := folded(t, 0, line("1", `{"n":1}`), line("1", `{"n":2}`), line("7", `{"n":3}`))
	s := &join.Source{Root: table, Includes: []join.Include{{Name: "parcel", One: true, From: events, Preload: true, Dir: t.TempDir()}}}
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	view, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var all sources.Counts
	for _, p := range plan.Partitions {
		r, err := view.Read(t.Context(), p, "")
		if err != nil {
			t.Fatal(err)
		}
		b := &sources.Batch{}
		for r.Next(t.Context(), b) == nil {
			all.Add(b.Counts)
			b.Reset()
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	var rows, folds, sum sources.Counts
	for id, c := range view.(sources.PartitionCounter).PartitionCounts() {
		if !c.Balanced() {
			t.Errorf("%s: %+v", id, c)
		}
		if sum.Add(c); strings.HasPrefix(id, "memory/") {
			rows.Add(c)
		} else {
			folds.Add(c)
		}
	}
	if rows.Read != 10 || rows.Used != 10 || folds.Read != 3 || folds.Folded != 3 || sum != all {
		t.Errorf("rows %+v, events %+v, in all %+v, told to readers %+v", rows, folds, sum, all)
	}
	if err := view.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
