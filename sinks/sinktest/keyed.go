package sinktest

import (
	"bytes"
	"encoding/json"
	"errors"
	"slices"
	"testing"

	"humpty/sinks"
)

// optional are the tests of what an index may do beside.
func optional() map[string]func(*testing.T, Harness) {
	return map[string]func(*testing.T, Harness){
		"Get":            get,
		"WriteIf":        writeIf,
		"Sample":         sample,
		"DiffDefinition": diffDefinition,
		"Writers":        writers,
		"ViewThrough":    viewThrough,
	}
}

func get(t *testing.T, u Harness) {
	f := newFixture(t, u)
	getter, ok := f.index.(sinks.Getter)
	if !ok {
		t.Skip("it cannot read by id")
	}
	routed := doc("r\"1", 3, `{"n":2}`)
	routed.Routing = []byte("way")
	expect(t, f.index, doc("a", 1, `{"n":  1, "x":"\u0041"}`), sinks.Written)
	expect(t, f.index, routed, sinks.Written)
	expect(t, f.index, doc("gone", 1, `{"n":1}`), sinks.Written)
	expect(t, f.index, doc("gone", 2, ""), sinks.Deleted)
	keys := []sinks.Key{
		{ID: []byte("a")},
		{ID: []byte("none")},
		{ID: routed.ID, Routing: routed.Routing},
		{ID: []byte("gone")},
		{ID: routed.ID, Routing: []byte("another")},
		{ID: []byte("a"), Routing: []byte("a")},
	}
	found := make([]sinks.Found, len(keys))
	must(t, getter.Get(t.Context(), keys, found))
	for i, want := range []bool{true, false, true, false, false, true} {
		got := found[i]
		if got.There != want || want != (got.SeqNo != "") || want != (got.Body != nil) {
			t.Errorf("document %q with routing %q: %+v, want it there: %v", keys[i].ID, keys[i].Routing, got, want)
		}
	}
	if found[2].Version != 3 || string(found[2].Body) != `{"n":2}` || !bytes.Equal(found[0].Body, []byte(`{"n":  1, "x":"\u0041"}`)) {
		t.Errorf("found %q version %d, and %q", found[2].Body, found[2].Version, found[0].Body)
	}
	must(t, getter.Get(t.Context(), nil, nil))
}

func writeIf(t *testing.T, u Harness) {
	f := newFixture(t, u)
	getter, can := f.index.(sinks.Getter)
	amender, ok := f.index.(sinks.ConditionalWriter)
	if !ok || !can {
		t.Skip("it cannot write under conditions")
	}
	seen := func(id string) string {
		found := make([]sinks.Found, 1)
		must(t, getter.Get(t.Context(), []sinks.Key{{ID: []byte(id)}}, found))
		return found[0].SeqNo
	}
	try := func(id, seen, body string, want sinks.Outcome) {
		t.Helper()
		d, v := doc(id, 0, body), make([]sinks.Verdict, 1)
		_, err := amender.WriteIf(t.Context(), []sinks.Document{d}, []string{seen}, v)
		must(t, err)
		if v[0].Outcome == sinks.Superseded && want != sinks.Superseded {
			// an attempt may have taken effect though its answer was lost
			found := make([]sinks.Found, 1)
			must(t, getter.Get(t.Context(), []sinks.Key{{ID: d.ID}}, found))
			if string(found[0].Body) == body && (want == sinks.Written) == found[0].There {
				return
			}
		}
		if v[0].Outcome != want {
			t.Errorf("amend %s onto %q with %s: outcome %d, want %d (%+v)", id, seen, body, v[0].Outcome, want, v[0])
		}
	}
	expect(t, f.index, doc("a", 1<<40, `{"n":1}`), sinks.Written)
	old := seen("a")
	try("a", old, `{"n":2}`, sinks.Written)
	try("a", old, `{"n":3}`, sinks.Superseded) // changed in between, by us
	try("a", "", `{"n":3}`, sinks.Superseded)  // it is there
	try("b", "", `{"n":1}`, sinks.Written)
	try("none", "", "", sinks.Deleted)
	expect(t, f.index, doc("a", 0, `{"n":4}`), sinks.Written) // an application's write
	try("a", old, "", sinks.Superseded)
	now := seen("a")
	try("a", now, "", sinks.Deleted)
	try("a", now, "", sinks.Superseded) // gone in between
	try("b", seen("b"), `{"n":"no number"}`, map[bool]sinks.Outcome{false: sinks.Rejected, true: sinks.Written}[u.NoMapping])
	if _, err := f.index.Count(t.Context()); err != nil { // refreshes
		t.Fatal(err)
	}
	if got := stored(t, t.Context(), f.index, 1); len(got) != 1 || got["b"].Body == nil {
		t.Errorf("stored: %v", got)
	}
}

func sample(t *testing.T, u Harness) {
	f := newFixture(t, u)
	sampler, ok := f.index.(sinks.Sampler)
	if !ok {
		t.Skip("it cannot take samples")
	}
	const all = 200
	var docs []sinks.Document
	for i := range all {
		d := doc(string(rune('a'+i%26))+string(rune('a'+i/26)), 1, `{"n":1}`)
		if i%3 == 0 {
			d.Routing = []byte("way")
		}
		docs = append(docs, d)
	}
	write(t, f.index, docs...)
	if _, err := f.index.Count(t.Context()); err != nil { // refreshes
		t.Fatal(err)
	}
	take := func(n int, seed uint64) []string {
		var ids []string
		must(t, sampler.Sample(t.Context(), n, seed, func(docs []sinks.Document) error {
			for _, d := range docs {
				ids = append(ids, string(d.ID)+"@"+string(d.Routing))
			}
			return nil
		}))
		slices.Sort(ids)
		if len(slices.Compact(slices.Clone(ids))) != len(ids) {
			t.Errorf("a sample of %d holds a document twice: %v", n, ids)
		}
		return ids
	}
	if got := take(1000, 1); len(got) != all {
		t.Errorf("a sample of more than all has %d documents of %d", len(got), all)
	}
	one, two := take(50, 1), take(50, 1<<63+2)
	if len(one) != 50 || len(two) != 50 || slices.Equal(one, two) {
		t.Errorf("two samples of 50: %v and %v", one, two)
	}
}

func diffDefinition(t *testing.T, u Harness) {
	f := newFixture(t, u)
	conformer, ok := f.index.(sinks.DefinitionDiffer)
	if !ok {
		t.Skip("it cannot be compared with its definition")
	}
	must(t, f.index.Seal(t.Context(), nil))
	deviations, err := conformer.DiffDefinition(t.Context(), []byte(Definition))
	must(t, err)
	if len(deviations) != 0 {
		t.Errorf("as it was made, it deviates: %v", deviations)
	}
	if u.NoMapping {
		return
	}
	var d map[string]any
	must(t, json.Unmarshal([]byte(Definition), &d))
	d["settings"] = map[string]any{"index.refresh_interval": "7s"}
	d["mappings"] = map[string]any{"dynamic": false, "properties": map[string]any{"n": map[string]any{"type": "integer"}, "m": map[string]any{"type": "date"}}}
	other, err := json.Marshal(d)
	must(t, err)
	deviations, err = conformer.DiffDefinition(t.Context(), other)
	must(t, err)
	if len(deviations) != 3 {
		t.Errorf("another definition: %q, want the refresh interval, n and m", deviations)
	}
}

// writers: each has a name of its own, and one that is shut out writes nothing any more.
func writers(t *testing.T, u Harness) {
	f := newFixture(t, u)
	first, ok := f.index.(sinks.WriterFence)
	if !ok {
		t.Skip("its writes end with their calls")
	}
	fencer, ok := f.Target.(sinks.WriterFencer)
	if !ok {
		t.Fatal("an index tells its writers apart, but the target cannot shut them out")
	}
	open := func() (sinks.Index, sinks.WriterFence) {
		t.Helper()
		index, err := u.Another(t, f.alias).Open(t.Context(), f.name)
		must(t, err)
		return index, index.(sinks.WriterFence) //nolint:errcheck,forcetypeassert // as above
	}
	refused := func(index sinks.Index) {
		t.Helper()
		var fenced *sinks.Fenced
		_, err := index.Write(t.Context(), []sinks.Document{doc("late", 9, `{"n":9}`)}, make([]sinks.Verdict, 1))
		if !errors.As(err, &fenced) {
			t.Errorf("a write of one that must not write any more: %v", err)
		}
	}
	ctx := t.Context()
	expect(t, f.index, doc("a", 1, `{"n":1}`), sinks.Written)

	second, next := open()
	refused(second) // it has not begun
	must(t, next.BeginWriter(ctx, sinks.LeaseWriter))
	refused(f.index)
	expect(t, second, doc("b", 1, `{"n":1}`), sinks.Written)
	must(t, next.BeginWriter(ctx, sinks.LeaseWriter)) // another name
	expect(t, second, doc("b", 2, `{"n":2}`), sinks.Written)

	var fenced *sinks.Fenced
	if err := first.BeginWriter(ctx, sinks.LeaseWriter); !errors.As(err, &fenced) {
		t.Errorf("who was shut out begins again: %v", err)
	}
	if err := first.EndWriter(ctx); !errors.As(err, &fenced) {
		t.Errorf("who was shut out ends: %v", err)
	}

	follower, of := open() // of another role: each leaves the other alone
	must(t, of.BeginWriter(ctx, sinks.FollowWriter))
	expect(t, second, doc("c", 1, `{"n":1}`), sinks.Written)
	expect(t, follower, doc("d", 1, `{"n":1}`), sinks.Written)
	must(t, fencer.FenceWriters(ctx, sinks.LeaseWriter))
	refused(second)
	expect(t, follower, doc("d", 2, `{"n":2}`), sinks.Written)
	must(t, of.EndWriter(ctx))
	must(t, of.EndWriter(ctx)) // once more
	refused(follower)

	was, err := of.Primaries(ctx)
	must(t, err)
	if is, err := of.Primaries(ctx); is != was || is == "" || err != nil {
		t.Errorf("the primaries were %q and are %q: %v", was, is, err)
	}
	f.beginsWithSwap(t)
	f.wantDocuments(t, u, map[string]string{"a": `{"n":1}`, "b": `{"n":2}`, "c": `{"n":1}`, "d": `{"n":2}`, "e": `{"n":1}`})
}

// beginsWithSwap: a writer's name comes with the swap, and not before.
func (f *fixture) beginsWithSwap(t *testing.T) {
	t.Helper()
	index, err := f.Open(t.Context(), f.name)
	must(t, err)
	fence := index.(sinks.WriterFence) //nolint:errcheck,forcetypeassert // as above
	must(t, fence.BeginWriter(t.Context(), sinks.LeaseWriter))
	must(t, fence.EndWriter(t.Context()))
	action, err := fence.NextWriter(t.Context())
	must(t, err)
	change, err := surveyOf(t, f).SwapTo(f.name, "")
	must(t, err)
	change.Actions = append(change.Actions, action)
	must(t, f.Swap(t.Context(), change))
	if s := surveyOf(t, f); s.Live() != f.name {
		t.Errorf("the alias serves %q, want %q", s.Live(), f.name)
	}
	expect(t, index, doc("e", 1, `{"n":1}`), sinks.Written)
	must(t, fence.EndWriter(t.Context()))
}
