package projector_test

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"humpty/projector/generation"
	"humpty/sinks"
)

// tamper writes documents to a generation past the engine, or deletes them.
func tamper(t *testing.T, s *stage, name string, docs ...sinks.Document) {
	t.Helper()
	index, err := s.target.Open(t.Context(), name)
	if err == nil {
		err = generation.BeginWriter(t.Context(), index, sinks.LeaseWriter)
	}
	verdicts := make([]sinks.Verdict, len(docs))
	if err == nil {
		_, err = index.Write(t.Context(), docs, verdicts)
	}
	if err != nil {
		t.Fatal(err)
	}
}

func deletions(n int) (docs []sinks.Document) {
	for i := range n {
		docs = append(docs, sinks.Document{ID: record(i, "").Key})
	}
	return docs
}

// TestSwapComparesWhatWasVerified: a generation that never served has exactly the documents that
// it was verified with, or something else wrote to it.
func TestSwapComparesWhatWasVerified(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		docs []sinks.Document
		has  string
	}{
		{deletions(1), "has 9 documents, and was verified with 10"},
		{[]sinks.Document{{ID: []byte("theirs"), Body: []byte(`{}`)}}, "has 11 documents, and was verified with 10"},
	} {
		s := setup(t, 10)
		r := s.rebuild()
		r.NoSwap = true
		rec, err := r.Run(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		tamper(t, s, rec.Generation, c.docs...)
		_, err = s.manage().Swap(t.Context(), "", "", false)
		refused := refusal(t, err, c.has, "humpty repair orders --generation "+rec.Generation)
		if !strings.Contains(refused.Remedy, "humpty swap orders --to "+rec.Generation) {
			t.Errorf("the remedy is %s", refused.Remedy)
		}
		s.serves(t, "")
		if _, err := s.manage().Swap(t.Context(), rec.Generation, "", true); err != nil { // --unverified takes the risk
			t.Fatal(err)
		}
	}
}

// TestRollbackComparesWhatServed: what an application wrote while a generation served is not held
// against it; what it lost since is.
func TestRollbackComparesWhatServed(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	first := s.run(t)
	for i := range 5 { // an application deletes half of what serves
		if err := s.target.Put(string(record(i, "").Key), ""); err != nil {
			t.Fatal(err)
		}
	}
	second := s.run(t)
	if m := s.state(t, first.Generation); m.Served != 5 {
		t.Errorf("the generation had %d documents when it was retired, want 5", m.Served)
	}
	if _, err := s.manage().Rollback(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	if live := surveyed(t, s).Live(); live != first.Generation {
		t.Errorf("the alias serves %s", live)
	}
	if _, err := s.manage().Swap(t.Context(), second.Generation, "", false); err != nil {
		t.Fatal(err)
	}
	tamper(t, s, first.Generation, sinks.Document{ID: record(5, "").Key}, sinks.Document{ID: record(6, "").Key})
	_, err := s.manage().Rollback(t.Context(), "")
	refused := refusal(t, err, "has 3 documents, and had, when it served last, 5: 40% fewer", "humpty repair orders --generation "+first.Generation)
	if !strings.Contains(refused.Remedy, fmt.Sprintf("humpty rollback orders --to %s --max-shrink 40%%", first.Generation)) {
		t.Errorf("the remedy is %s", refused.Remedy)
	}
	s.serves(t, second.Generation)
	m := s.manage()
	m.MaxShrink = 0.4
	var told []string
	m.Notice = func(text string) { told = append(told, text) }
	if _, err := m.Rollback(t.Context(), ""); err != nil || !slices.ContainsFunc(told, func(n string) bool { return strings.Contains(n, "has 3 documents") }) {
		t.Fatalf("the command that was printed: %v, %q", err, told)
	}
}

// TestRollbackComparesWhatServedUnverified: one that served without a verification is held against
// what it had then, too.
func TestRollbackComparesWhatServedUnverified(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	first := s.run(t)
	second := s.run(t)
	m := s.state(t, first.Generation)
	index, err := s.target.Open(t.Context(), first.Generation)
	if err == nil {
		m.Verified = nil
		err = index.Note(t.Context(), m)
	}
	if err != nil {
		t.Fatal(err)
	}
	tamper(t, s, first.Generation, deletions(4)...)
	_, err = s.manage().Rollback(t.Context(), "")
	refusal(t, err, "has 6 documents, and had, when it served last, 10: 40% fewer", "--max-shrink 40%")
	s.serves(t, second.Generation)
}
