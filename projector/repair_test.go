package projector_test

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"humpty/projector/ledger"
	"humpty/projector/repair"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
)

func (s *stage) examine() repair.Verify {
	s.runs++
	return repair.Verify{
		Projection: projection(), Source: s.source, Target: s.target,
		Owner: sinks.Owner{Run: fmt.Sprintf("run-%d", s.runs)}, Settle: time.Millisecond,
	}
}

func (s *stage) repair(generation string) *repair.Repair {
	e := s.examine()
	e.Generation = generation
	return &repair.Repair{Verify: e, MaxDelete: -1, MaxStale: -1}
}

// opened is a generation that others than humpty may write to.
func (s *stage) opened(t *testing.T, generation string) sinks.Index {
	t.Helper()
	index, err := s.target.Open(t.Context(), generation)
	if err == nil {
		err = index.(sinks.WriterFence).BeginWriter(t.Context(), "application") //nolint:forcetypeassert // of the fake
	}
	if err != nil {
		t.Fatal(err)
	}
	return index
}

// put writes into an index as an application does: without a version; no body deletes.
func (s *stage) put(t *testing.T, generation, id, body string) {
	t.Helper()
	index := s.opened(t, generation)
	d := sinks.Document{ID: []byte(id)}
	if body != "" {
		d.Body = []byte(body)
	}
	if _, err := index.Write(t.Context(), []sinks.Document{d}, make([]sinks.Verdict, 1)); err != nil {
		t.Fatal(err)
	}
}

// drift plants n differences of each kind.
func (s *stage) drift(t *testing.T, generation string, rng *rand.Rand, n int) map[string]verify.Kind {
	t.Helper()
	planted := map[string]verify.Kind{}
	for i, at := range rng.Perm(len(s.source.Records))[:2*n] {
		id := string(s.source.Records[at].Key)
		if i%2 == 0 {
			s.put(t, generation, id, "")
			planted[id] = verify.Missing
		} else {
			s.put(t, generation, id, `{"stale":true}`)
			planted[id] = verify.Stale
		}
	}
	for i := range n {
		id := fmt.Sprint("extra", i)
		s.put(t, generation, id, `{"extra":true}`)
		planted[id] = verify.Extra
	}
	return planted
}

// failed makes a generation that serves nothing and differs: its gate said no.
func (s *stage) failed(t *testing.T, n int) (generation string, planted map[string]verify.Kind) {
	t.Helper()
	r := s.rebuild()
	r.NoSwap = true
	rec, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return rec.Generation, s.drift(t, rec.Generation, rand.New(rand.NewPCG(1, 2)), n)
}

func TestVerifyNamesTheDriftOfTheLiveIndex(t *testing.T) {
	t.Parallel()
	s := setup(t, 500)
	live := s.run(t).Generation
	planted := s.drift(t, live, rand.New(rand.NewPCG(7, 7)), 20)
	s.put(t, live, "1", `{ "note":"\u0066irst", "id":1.0 }`) // as the application spells it
	delete(planted, "1")
	e := s.examine()
	found := map[string]verify.Kind{}
	e.Each = func(d verify.Difference) error { found[d.ID] = d.Kind; return nil }
	finding, err := e.Run(t.Context())
	var differs *verify.Differs
	if !errors.As(err, &differs) || !maps.Equal(found, planted) {
		t.Fatalf("%v\nfound %v\nplanted %v", err, found, planted)
	}
	if !finding.Serving || finding.Generation != live || len(finding.Verified.First) != 10 || !strings.Contains(err.Error(), "no alias was touched") {
		t.Errorf("finding %+v", finding)
	}
}

func TestVerifyNeedsAGeneration(t *testing.T) {
	t.Parallel()
	s := setup(t, 10)
	e := s.examine()
	_, err := e.Run(t.Context())
	refusal(t, err, "--generation NAME")
	e.Generation = "orders-none"
	_, err = e.Run(t.Context())
	refusal(t, err, "orders-none is not a generation")
}

func TestRepairOfAGenerationThatDoesNotServe(t *testing.T) {
	t.Parallel()
	s := setup(t, 600)
	first := s.run(t)
	generation, planted := s.failed(t, 2)
	// a late attempt of the load comes after the repair
	epoch := s.state(t, generation).Epoch
	finding, err := s.repair(generation).Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if r := finding.Repair; r.Written != 4 || r.Deleted != 2 || r.Unfixed+r.Superseded+r.Settled+r.Rejected != 0 {
		t.Errorf("repair of %v: %+v", planted, *r)
	}
	index := s.opened(t, generation)
	late := []sinks.Document{{ID: []byte("extra0"), Version: epoch << 40, Body: []byte(`{"late":1}`)}}
	verdicts := make([]sinks.Verdict, 1)
	if _, err := index.Write(t.Context(), late, verdicts); err != nil || verdicts[0].Outcome != sinks.Superseded {
		t.Errorf("%v: a late attempt ended as %+v", err, verdicts[0])
	}
	m := s.state(t, generation)
	if m.State != sinks.Verified || m.Verified == nil || m.Verified.Repaired != 6 || m.Verified.Differs() || m.Epoch <= epoch {
		t.Errorf("meta %+v, verified %+v", m, m.Verified)
	}
	s.serves(t, first.Generation)
	if _, err := s.manage().Swap(t.Context(), generation, "", false); err != nil {
		t.Fatal(err)
	}
	s.serves(t, generation)
}

func TestRepairOfTheLiveIndex(t *testing.T) {
	t.Parallel()
	s := setup(t, 600)
	live := s.run(t).Generation
	s.drift(t, live, rand.New(rand.NewPCG(3, 4)), 5)
	dry := s.repair("")
	dry.DryRun = true
	finding, err := dry.Run(t.Context())
	if err != nil || finding.Verified.Missing != 5 || finding.Repair.Written != 0 {
		t.Fatalf("dry run: %v, %+v", err, finding.Repair)
	}
	finding, err = s.repair("").Run(t.Context())
	if err != nil || finding.Repair.Written != 10 || finding.Repair.Deleted != 5 {
		t.Fatalf("%v, %+v", err, finding.Repair)
	}
	s.serves(t, live)
	if m := s.state(t, live); m.State != sinks.Live || m.Verified.Repaired != 15 {
		t.Errorf("meta %+v", m)
	}
}

// TestRepairGivesWayToTheApplication lets the application write between the reading of a
// document and its repair.
func TestRepairGivesWayToTheApplication(t *testing.T) {
	t.Parallel()
	s := setup(t, 300)
	live := s.run(t).Generation
	s.put(t, live, "7", `{"stale":true}`)
	s.put(t, live, "8", "")
	s.put(t, live, "ghost", `{"extra":true}`)
	wrote := false
	s.target.OnWriteIf = func() {
		if wrote {
			return
		}
		wrote = true
		// the application changes the row, then the index; and deletes a row, then its document
		s.source.Put(record(7, "newer"))
		s.put(t, live, "7", string(record(7, "newer").Value))
		s.source.Records = slices.DeleteFunc(s.source.Records, func(r sources.Record) bool { return string(r.Key) == "9" })
		s.put(t, live, "9", "")
		s.source.Put(sources.Record{Key: []byte("ghost"), Value: []byte(`{"real":1}`)})
		s.put(t, live, "ghost", `{"real":1}`)
	}
	finding, err := s.repair("").Run(t.Context())
	if err != nil || finding.Repair.Superseded != 2 || finding.Repair.Written != 1 || finding.Repair.Unfixed != 0 {
		t.Fatalf("%v, %+v", err, finding.Repair)
	}
	s.serves(t, live)
}

func TestGuardAgainstABrokenSource(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct {
		harm func(*stage)
		says []string
	}{
		"empty":     {func(s *stage) { s.source.Records = nil }, []string{"300 of the 300 documents", "at most 10 may be deleted", "--max-delete 300"}},
		"truncated": {func(s *stage) { s.source.Records = s.source.Records[:200] }, []string{"100 of the 300 documents"}},
		"include empty": {func(s *stage) {
			for i := range 250 {
				s.source.Put(record(i, ""))
			}
		}, []string{"250 of the 300 documents", "--max-stale 250", "humpty rebuild orders"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, 300)
			live := s.run(t).Generation
			whole := slices.Clone(s.source.Records)
			tc.harm(s)
			_, err := s.repair("").Run(t.Context())
			refusal(t, err, append(tc.says, "Nothing was written", live)...)
			harmed := s.source.Records
			s.source.Records = whole
			s.serves(t, live) // untouched
			s.source.Records = harmed
			allowed := s.repair("")
			allowed.MaxDelete, allowed.MaxStale = 300, 300
			if _, err := allowed.Run(t.Context()); err != nil {
				t.Fatal(err)
			}
			s.serves(t, live)
		})
	}
}

func TestRepairReportsRejections(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	generation, _ := s.failed(t, 0)
	s.source.Put(sources.Record{Key: []byte("bad"), Value: []byte(`{"id":`)})
	_, err := s.repair(generation).Run(t.Context())
	var rejected *ledger.TooManyRejections
	if !errors.As(err, &rejected) || rejected.Rejected != 1 || !strings.Contains(err.Error(), "document bad") {
		t.Fatalf("error %v", err)
	}
	if m := s.state(t, generation); m.State != sinks.Sealed || m.Verified != nil {
		t.Errorf("meta %+v", m)
	}
	allowed := s.repair(generation)
	allowed.Projection.Limits.Rejections = 1
	if finding, err := allowed.Run(t.Context()); err != nil || finding.Repair.Rejected != 1 {
		t.Errorf("%v, %+v", err, finding.Repair)
	}
}

func TestRepairThatCannotWinSaysSo(t *testing.T) {
	t.Parallel()
	s := setup(t, 100)
	live := s.run(t).Generation
	s.put(t, live, "7", `{"stale":0}`)
	n := 0
	s.target.OnWriteIf = func() { n++; s.put(t, live, "7", fmt.Sprintf(`{"stale":%d}`, n)) }
	finding, err := s.repair("").Run(t.Context())
	var differs *verify.Differs
	if !errors.As(err, &differs) || differs.Unfixed != 1 || !strings.Contains(err.Error(), "document 7: stale") || n != 3 {
		t.Errorf("%v after %d attempts, %+v", err, n, finding.Repair)
	}
}

func TestGateAsksForDefinitionAndQueries(t *testing.T) {
	t.Parallel()
	all := []byte(`{"all":true}`)
	for name, tc := range map[string]struct {
		query     verify.Query
		deviation string
		says      string
	}{
		"right":        {query: verify.Query{Body: all, MinHits: 100, MaxHits: 100, MustInclude: []string{"7"}}},
		"too few":      {query: verify.Query{Body: all, MinHits: 101, MaxHits: -1}, says: "at least 101 hits are wanted"},
		"too many":     {query: verify.Query{Body: all, MaxHits: 99}, says: "at most 99 hits"},
		"without one":  {query: verify.Query{Body: all, MaxHits: -1, MustInclude: []string{"none"}}, says: "document none must be among the hits"},
		"definition":   {query: verify.Query{Body: all, MaxHits: -1}, deviation: "settings.index.x is 1, not 2", says: "not as defined: settings.index.x is 1, not 2"},
		"none at hand": {query: verify.Query{Body: []byte(`{}`), MinHits: 1, MaxHits: -1}, says: "at least 1"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := setup(t, 100)
			first := s.run(t)
			if tc.deviation != "" {
				s.target.Deviations = []string{tc.deviation}
			}
			tc.query.Name = "q"
			r := s.rebuild()
			r.Projection.Verify.Queries = []verify.Query{tc.query}
			rec, err := r.Run(t.Context())
			if len(rec.Queries) != 1 || rec.Queries[0].LiveHits == nil {
				t.Errorf("the record has the answers %+v", rec.Queries)
			}
			if tc.says == "" {
				if err != nil {
					t.Fatal(err)
				}
				return
			}
			var differs *verify.Differs
			if !errors.As(err, &differs) || !strings.Contains(err.Error(), tc.says) {
				t.Fatalf("error %v, want %q", err, tc.says)
			}
			s.serves(t, first.Generation)
			if m := s.state(t, rec.Generation); m.State != sinks.Failed || m.Verified != nil {
				t.Errorf("meta %+v", m)
			}
		})
	}
}
