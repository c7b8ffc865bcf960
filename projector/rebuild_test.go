package projector_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"humpty/projector"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// stage is a projection with its source and target, for one test.
type stage struct {
	source *sourcetest.MemorySource
	target *sinktest.MemoryTarget
	events []report.Event
	runs   int
}

func setup(t *testing.T, documents int) *stage {
	t.Helper()
	s := &stage{source: &sourcetest.MemorySource{Page: 7}, target: &sinktest.MemoryTarget{Name: "orders"}}
	for i := range documents {
		s.source.Records = append(s.source.Records, record(i, "first"))
	}
	t.Cleanup(func() {
		if views, readers := s.source.Views.Load(), s.source.Reading.Load(); views != 0 || readers != 0 {
			t.Errorf("left on the source: %d views, %d readers", views, readers)
		}
	})
	return s
}

func record(i int, note string) sources.Record {
	return sources.Record{
		Key:   fmt.Appendf(nil, "%d", i),
		Value: fmt.Appendf(nil, `{"id":%d,"note":%q}`, i, note),
	}
}

func (s *stage) rebuild() *projector.Rebuild {
	s.runs++
	return &projector.Rebuild{
		Projection: projection(),
		Source:     s.source,
		Target:     s.target,
		Owner:      sinks.Owner{Run: fmt.Sprintf("run-%d", s.runs)},
		Observe:    func(e report.Event) { s.events = append(s.events, e) },
	}
}

func projection() projector.Projection {
	return projector.Projection{Name: "orders", Alias: "orders", Versions: "class", Limits: projector.Limits{Batch: 512}, Keep: 1}
}

func (s *stage) manage() *generation.Admin {
	s.runs++
	return &generation.Admin{Projection: projection().Name, Alias: projection().Alias, Keep: projection().Keep, Target: s.target, Owner: sinks.Owner{Run: fmt.Sprintf("run-%d", s.runs)}}
}

func (s *stage) run(t *testing.T) projector.Record {
	t.Helper()
	rec, err := s.rebuild().Run(t.Context())
	if err != nil {
		t.Fatalf("rebuild: %v", err)
	}
	return rec
}

// serves checks what the alias serves, document for document.
func (s *stage) serves(t *testing.T, generation string) {
	t.Helper()
	survey, err := s.target.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if survey.Live() != generation {
		t.Fatalf("alias serves %q, want %q", survey.Live(), generation)
	}
	if generation == "" {
		return
	}
	index, err := s.target.Open(t.Context(), generation)
	if err != nil {
		t.Fatal(err)
	}
	got := map[string]string{}
	err = index.Scan(t.Context(), 0, 1, func(docs []sinks.Document) error {
		for _, d := range docs {
			got[string(d.ID)] = string(d.Body)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if len(got) != len(s.source.Records) {
		t.Errorf("alias serves %d documents, want %d", len(got), len(s.source.Records))
	}
	for _, r := range s.source.Records {
		if got[string(r.Key)] != string(r.Value) {
			t.Errorf("document %s is %s, want %s", r.Key, got[string(r.Key)], r.Value)
		}
	}
}

func (s *stage) state(t *testing.T, generation string) sinks.Meta {
	t.Helper()
	survey, err := s.target.Survey(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	g, ok := survey.Find(generation)
	if !ok {
		t.Fatalf("generation %s is gone", generation)
	}
	return g.Meta
}

func TestFirstRebuildServesEveryDocument(t *testing.T) {
	t.Parallel()
	s := setup(t, 1000)
	rec := s.run(t)
	s.serves(t, rec.Generation)
	if rec.Status != report.Completed || !rec.Ledger.Balances() || rec.Ledger.Written != 1000 {
		t.Errorf("record: %+v", rec)
	}
	if v := rec.Verified; v == nil || v.Level != "full" || v.Documents != 1000 {
		t.Errorf("verified: %+v", v)
	}
	var phases []report.Phase
	for _, p := range rec.Phases {
		phases = append(phases, p.Phase)
	}
	want := []report.Phase{"plan", "create", "capture", "load", "catch-up", "seal", "verify", "swap"}
	if !slices.Equal(phases, want) {
		t.Errorf("phases %v, want %v", phases, want)
	}
	if m := s.state(t, rec.Generation); m.State != sinks.Live || m.Epoch != 1 || m.Documents != 1000 {
		t.Errorf("meta: %+v", m)
	}
	if most := s.source.Most.Load(); most > 2 {
		t.Errorf("%d readers at once, the plan allows 2", most)
	}
}

func TestRebuildReplacesAndRollsBack(t *testing.T) {
	t.Parallel()
	s := setup(t, 50)
	first := s.run(t)
	old := slices.Clone(s.source.Records)
	s.source.Put(record(7, "changed"))
	s.source.Put(record(50, "new"))
	second := s.run(t)
	s.serves(t, second.Generation)
	if sealed := s.target.Sealed(second.Generation); !slices.Equal(sealed, []sinks.State{sinks.Loading, sinks.Live}) {
		t.Errorf("sealed in the states %v, want at the end of the load and when it is live", sealed)
	}
	if m := s.state(t, first.Generation); m.State != sinks.Retired {
		t.Errorf("first generation is %s, want retired", m.State)
	}
	if m := s.state(t, second.Generation); m.Previous != first.Generation || m.Epoch <= 1 {
		t.Errorf("second generation: %+v", m)
	}

	if _, err := s.manage().Rollback(t.Context(), ""); err != nil {
		t.Fatal(err)
	}
	s.source.Records = old
	s.serves(t, first.Generation)
	if m := s.state(t, second.Generation); m.State != sinks.Retired {
		t.Errorf("second generation is %s after the rollback, want retired", m.State)
	}
}

func TestVerificationStopsTheSwap(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		scan func([]sinks.Document) []sinks.Document
		want verify.Difference
	}{
		"lost": {func(docs []sinks.Document) []sinks.Document {
			return slices.DeleteFunc(docs, func(d sinks.Document) bool { return string(d.ID) == "42" })
		}, verify.Difference{ID: "42", Kind: "missing"}},
		"one character": {func(docs []sinks.Document) []sinks.Document {
			for i := range docs {
				if string(docs[i].ID) == "42" {
					docs[i].Body = []byte(strings.Replace(string(docs[i].Body), "first", "firsT", 1))
				}
			}
			return docs
		}, verify.Difference{ID: "42", Kind: "stale"}},
		"bodies of two exchanged": {func(docs []sinks.Document) []sinks.Document {
			for i := range docs {
				if string(docs[i].ID) == "42" {
					docs[i].Body = []byte(`{"id":43,"note":"first"}`)
				}
			}
			return docs
		}, verify.Difference{ID: "42", Kind: "stale"}},
		"ghost": {func(docs []sinks.Document) []sinks.Document {
			if len(docs) > 0 && slices.ContainsFunc(docs, func(d sinks.Document) bool { return string(d.ID) == "42" }) {
				docs = append(docs, sinks.Document{ID: []byte("ghost"), Body: []byte(`{}`)})
			}
			return docs
		}, verify.Difference{ID: "ghost", Kind: "extra"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, 300)
			first := s.run(t)
			s.target.OnScan = tc.scan
			rec, err := s.rebuild().Run(t.Context())
			var differs *verify.Differs
			if !errors.As(err, &differs) || len(differs.First) != 1 || differs.First[0].Difference != tc.want {
				t.Fatalf("error %v, want one difference: %+v", err, tc.want)
			}
			s.target.OnScan = nil
			s.serves(t, first.Generation)
			if m := s.state(t, rec.Generation); m.State != sinks.Failed || m.Reason == "" || m.Verified != nil {
				t.Errorf("generation that failed: %+v", m)
			}
		})
	}
}

func TestRejectionsStopTheSwap(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	first := s.run(t)
	broken := sources.Record{Key: []byte("x"), Value: []byte(`{"id":`)}
	s.source.Put(broken)
	s.source.Put(sources.Record{Key: []byte("y"), Reject: "column price is NaN"})
	rec, err := s.rebuild().Run(t.Context())
	var rejections *ledger.TooManyRejections
	if !errors.As(err, &rejections) || rejections.Rejected != 2 {
		t.Fatalf("error %v, want 2 rejections", err)
	}
	for _, part := range []string{"document x", "document_parsing_exception", "document y", "column price is NaN"} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("message lacks %q: %v", part, err)
		}
	}
	if rec.Status != report.Failed || !rec.Ledger.Balances() {
		t.Errorf("record: %+v", rec)
	}
	if survey, _ := s.target.Survey(t.Context()); survey.Live() != first.Generation {
		t.Errorf("alias serves %s after a failed gate", survey.Live())
	}

	allowed := s.rebuild()
	allowed.Projection.Limits.Rejections = 2
	rec, err = allowed.Run(t.Context())
	if err != nil || rec.Status != report.Completed || rec.Ledger.Rejected != 2 || len(rec.Rejections) != 2 {
		t.Errorf("within the limit: %v, record %+v", err, rec)
	}
}

func TestHopelessMappingEndsEarly(t *testing.T) {
	t.Parallel()
	s := setup(t, 0)
	for i := range 20_000 {
		s.source.Records = append(s.source.Records, sources.Record{Key: fmt.Appendf(nil, "%d", i), Value: []byte("{")})
	}
	rec, err := s.rebuild().Run(t.Context())
	var rejections *ledger.TooManyRejections
	if !errors.As(err, &rejections) || len(rejections.First) != 10 {
		t.Fatalf("error %v, want rejections with the first ten", err)
	}
	if rec.Ledger.Produced > 5_000 {
		t.Errorf("went on for %d documents", rec.Ledger.Produced)
	}
}

func TestUndecidedDocumentsAreADefect(t *testing.T) {
	t.Parallel()
	s := setup(t, 20)
	var writes atomic.Int64
	s.target.OnWrite = func(_ []sinks.Document, verdicts []sinks.Verdict) error {
		if writes.Add(1) == 1 {
			verdicts[0] = sinks.Verdict{}
		}
		return nil
	}
	_, err := s.rebuild().Run(t.Context())
	var unbalanced *ledger.Unbalanced
	if !errors.As(err, &unbalanced) {
		t.Fatalf("error %v, want an unbalanced ledger", err)
	}
	s.serves(t, "")
}

func TestFailuresLeaveTheAliasAndARecord(t *testing.T) {
	t.Parallel()
	boom := errors.New("boom")
	for name, breakIt := range map[string]func(*stage){
		"source": func(s *stage) {
			s.source.Fault = func(_ string, at int) error {
				if at == 60 {
					return boom
				}
				return nil
			}
		},
		"target": func(s *stage) { s.target.OnWrite = func([]sinks.Document, []sinks.Verdict) error { return boom } },
		"swap":   func(s *stage) { s.target.OnSwap = func(sinks.AliasChange) error { return boom } },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, 100)
			first := s.run(t)
			breakIt(s)
			rec, err := s.rebuild().Run(t.Context())
			if !errors.Is(err, boom) || rec.Status != report.Failed || rec.Reason == "" {
				t.Fatalf("error %v, record %+v", err, rec)
			}
			s.serves(t, first.Generation)
			want := sinks.Failed
			if name == "swap" {
				want = sinks.Verified
			}
			if m := s.state(t, rec.Generation); m.State != want {
				t.Errorf("generation is %s, want %s", m.State, want)
			}
			s.source.Fault, s.target.OnWrite, s.target.OnSwap = nil, nil, nil
			s.serves(t, s.run(t).Generation)
		})
	}
}

func TestInterruptIsRecorded(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	ctx, cancel := context.WithCancel(t.Context())
	s.source.Fault = func(_ string, at int) error {
		if at == 50 {
			cancel()
		}
		return nil
	}
	rec, err := s.rebuild().Run(ctx)
	if !errors.Is(err, context.Canceled) || rec.Status != report.Interrupted {
		t.Fatalf("error %v, status %s", err, rec.Status)
	}
	if m := s.state(t, rec.Generation); m.State != sinks.Failed {
		t.Errorf("generation is %s, want failed", m.State)
	}
	if lease, _ := s.target.Holder(t.Context()); !lease.Expires.IsZero() {
		t.Error("the lease was not released")
	}
}
