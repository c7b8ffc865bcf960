package sinktest

import (
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"testing"

	"humpty/sinks"
)

// surveyOf surveys.
func surveyOf(t *testing.T, target sinks.Target) sinks.Survey {
	t.Helper()
	s, err := target.Survey(t.Context())
	must(t, err)
	return s
}

// swapTo swaps as the engine does.
func swapTo(t *testing.T, target sinks.Target, to, replace string) {
	t.Helper()
	change, err := surveyOf(t, target).SwapTo(to, replace)
	must(t, err)
	must(t, target.Swap(t.Context(), change))
}

func survey(t *testing.T, u Harness) {
	f := newFixture(t, u)
	s := surveyOf(t, f.Target)
	if s.Alias != f.alias || s.Product == "" || len(s.Serving) != 0 || s.Conflict != nil || s.Live() != "" {
		t.Errorf("survey of an alias with one generation that does not serve: %+v", s)
	}
	if len(s.Generations) != 1 {
		t.Fatalf("%d generations, want 1", len(s.Generations))
	}
	sameMeta(t, s.Generations[0].Meta, f.meta)
	if m := s.Generations[0].Meta; m.Name != f.name {
		t.Errorf("the meta names index %q, want %q: a copy could not be told from the generation", m.Name, f.name)
	}
	newer, _, _ := f.generation(t, 2)
	write(t, f.index, doc("a", 1, `{"n":1}`))
	must(t, f.index.Seal(t.Context(), nil))
	s = surveyOf(t, f.Target)
	if len(s.Generations) != 2 || s.Generations[0].Name != f.name || s.Generations[1].Name != newer {
		t.Fatalf("generations %+v, want the older and the newer", s.Generations)
	}
	if s.Epoch() != 2 {
		t.Errorf("epoch %d, want 2", s.Epoch())
	}
	if g := s.Generations[0]; g.Documents != 1 && !u.KeepsNothing {
		t.Errorf("the sealed generation has %d documents, want 1", g.Documents)
	}
	if g := s.Generations[1]; g.Documents > 0 || g.Created.IsZero() && !u.KeepsNothing {
		t.Errorf("the generation that loads: %+v", g)
	}
}

// sameMeta compares all but what is the target's own.
func sameMeta(t *testing.T, got, want sinks.Meta) {
	t.Helper()
	got.PendingSettings, want.PendingSettings, got.Spelling = nil, nil, nil
	got.Name, got.UUID = "", ""
	if !reflect.DeepEqual(got, want) {
		t.Errorf("meta %+v, want %+v", got, want)
	}
}

func reopen(t *testing.T, u Harness) {
	f := newFixture(t, u)
	write(t, f.index, doc("a", 1, `{"n":1}`))
	m := f.meta
	m.State, m.Reason, m.Documents = sinks.Failed, `a "reason"`, 7
	m.Positions = map[string]string{"orders[0]": "1/2\n3"}
	m.Verified = &sinks.Verification{Level: "full", At: m.Started, Documents: 1}
	m.PendingSettings = map[string]json.RawMessage{"not": json.RawMessage(`"yours"`)}
	must(t, f.index.Note(t.Context(), m))
	other := u.Another(t, f.alias)
	g, ok := surveyOf(t, other).Find(f.name)
	if !ok {
		t.Fatalf("another target for the alias does not see %s", f.name)
	}
	sameMeta(t, g.Meta, m)
	if _, there := g.Meta.PendingSettings["not"]; there {
		t.Error("Note has changed the journal")
	}
	index, err := other.Open(t.Context(), f.name)
	must(t, err)
	if fence, ok := index.(sinks.WriterFence); ok {
		must(t, fence.BeginWriter(t.Context(), sinks.LeaseWriter))
	}
	write(t, index, doc("b", 1, `{"n":2}`))
	f.index = index // sealed by another run than the one that made it
	f.wantDocuments(t, u, map[string]string{"a": `{"n":1}`, "b": `{"n":2}`})
}

func refusals(t *testing.T, u Harness) {
	f := newFixture(t, u)
	again := sinks.Generation{Name: f.name, Definition: []byte(Definition), Meta: f.meta}
	again.Meta.Run = "another"
	if _, err := f.Create(t.Context(), again); err == nil {
		t.Error("Create takes a name that exists")
	}
	for _, name := range []string{f.alias + "-20000101t000000", f.alias, "nothing"} {
		if _, err := f.Open(t.Context(), name); err == nil {
			t.Errorf("Open takes %q, which is no generation", name)
		}
		if err := f.Drop(t.Context(), name); err == nil {
			t.Errorf("Drop takes %q, which is no generation", name)
		}
		if _, err := surveyOf(t, f.Target).SwapTo(name, ""); err == nil {
			t.Errorf("SwapTo takes %q, which is no generation", name)
		}
	}
}

func firstSwap(t *testing.T, u Harness) {
	f := newFixture(t, u)
	must(t, f.index.Seal(t.Context(), nil))
	swapTo(t, f.Target, f.name, "")
	swapTo(t, f.Target, f.name, "") // again is harmless
	s := surveyOf(t, u.Another(t, f.alias))
	if s.Live() != f.name || !s.Serving[0].Ours {
		t.Errorf("the alias serves %+v, want %s", s.Serving, f.name)
	}
}

func swapBack(t *testing.T, u Harness) {
	f := newFixture(t, u)
	must(t, f.index.Seal(t.Context(), nil))
	swapTo(t, f.Target, f.name, "")
	newer, _, index := f.generation(t, 2)
	must(t, index.Seal(t.Context(), nil))
	for _, to := range []string{newer, f.name, newer} {
		swapTo(t, f.Target, to, "")
		if live := surveyOf(t, f.Target).Live(); live != to {
			t.Fatalf("the alias serves %q, want %q", live, to)
		}
	}
}

func nameConflict(t *testing.T, u Harness) {
	if u.OccupyName == nil {
		t.Skip("has no concrete indices beside its generations")
	}
	f := newFixture(t, u)
	must(t, f.index.Seal(t.Context(), nil))
	u.OccupyName(t, f.alias)
	s := surveyOf(t, f.Target)
	if s.Conflict == nil || s.Conflict.Index != f.alias || s.Conflict.Documents != 1 {
		t.Fatalf("the index on the alias's name is not seen: %+v", s.Conflict)
	}
	_, err := s.SwapTo(f.name, "")
	var caught *sinks.NameConflict
	if !errors.As(err, &caught) || caught.Index != *s.Conflict || caught.To != f.name {
		t.Fatalf("SwapTo: %v, want a trap", err)
	}
	swapTo(t, f.Target, f.name, f.alias)
	if s = surveyOf(t, f.Target); s.Live() != f.name || s.Conflict != nil {
		t.Errorf("after replacing it: %+v", s)
	}
}

func drop(t *testing.T, u Harness) {
	f := newFixture(t, u)
	must(t, f.index.Seal(t.Context(), nil))
	swapTo(t, f.Target, f.name, "")
	newer, _, _ := f.generation(t, 2)
	if err := f.Drop(t.Context(), f.name); err == nil {
		t.Fatal("Drop deletes the live generation")
	}
	must(t, f.Drop(t.Context(), newer))
	if s := surveyOf(t, f.Target); s.Live() != f.name || len(s.Generations) != 1 {
		t.Errorf("after dropping the other generation: %+v", s)
	}
}

// viewThrough looks through an alias that is not set: with a filter, with routing that leads to
// one of two shards, and with both.
func viewThrough(t *testing.T, u Harness) {
	f := newFixture(t, u)
	viewer, ok := f.Target.(sinks.AliasViewer)
	if !ok {
		t.Skip("it cannot be looked at through an alias")
	}
	for i := range 30 {
		write(t, f.index, doc(fmt.Sprint("d", i), 1, fmt.Sprintf(`{"n":%d}`, i%3)))
	}
	must(t, f.index.Seal(t.Context(), nil))
	view := func(add sinks.AliasAction) sinks.AliasView {
		t.Helper()
		add.Verb, add.Index, add.Alias = "add", f.name, f.alias
		v, err := viewer.ViewThrough(t.Context(), add)
		must(t, err)
		return v
	}
	if got, want := view(sinks.AliasAction{}), (sinks.AliasView{Documents: 30, Matching: 30, Searched: 30, Addressed: 30}); got != want {
		t.Errorf("an alias without properties: %+v", got)
	}
	filter := json.RawMessage(`{"term":{"n":1}}`)
	if got, want := view(sinks.AliasAction{Filter: filter}), (sinks.AliasView{Documents: 30, Matching: 10, Searched: 10, Addressed: 30}); got != want {
		t.Errorf("a filter: %+v", got)
	}
	if got := view(sinks.AliasAction{SearchRouting: "x", Filter: filter}); got.Matching != 10 || got.Searched >= 10 || got.Addressed != 30 {
		t.Errorf("a filter and routing of searches: %+v", got)
	}
	if got := view(sinks.AliasAction{Routing: "x"}); got.Searched != 30 || got.Addressed >= 30 || got.Addressed < 1 {
		t.Errorf("routing of reads and writes by id: %+v", got)
	}

	routed, _, index := f.generation(t, 2)
	f.name = routed
	for i := range 30 {
		d := doc(fmt.Sprint("d", i), 1, fmt.Sprintf(`{"n":%d}`, i%3))
		d.Routing = []byte("x")
		write(t, index, d)
	}
	must(t, index.Seal(t.Context(), nil))
	got, want := view(sinks.AliasAction{Routing: "x", SearchRouting: "x", Filter: filter}), sinks.AliasView{Documents: 30, Matching: 10, Searched: 10, Addressed: 30}
	if got.Sampled < 1 || got.Sampled != got.Got {
		t.Errorf("documents placed by the alias's routing: %+v", got)
	}
	if want.Sampled, want.Got = got.Sampled, got.Got; got != want {
		t.Errorf("documents placed by the alias's routing: %+v", got)
	}
}
