package join_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"testing"

	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/join"
	"humpty/sources"
)

// folded is the last of each key of some lines.
func folded(t testing.TB, memory int64, lines ...string) *fold.Source {
	t.Helper()
	inner, err := fold.ReadLines("lines", []byte(strings.Join(lines, "\n")), false)
	if err != nil {
		t.Fatal(err)
	}
	return &fold.Source{Inner: inner, Decoder: &decode.JSON{}, New: handlers.NewLatest, Memory: memory}
}

func line(key, value string) string { return fmt.Sprintf(`{"key":%q,"value":%s}`, key, value) }

// read gives all documents by id, and the sum of the counts.
func read(t *testing.T, s sources.Source) (map[string]string, sources.Counts) {
	t.Helper()
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	view, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := view.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	docs, counts := map[string]string{}, sources.Counts{}
	var keys [][]byte
	for _, p := range plan.Partitions {
		r, err := view.Read(t.Context(), p, "")
		if err != nil {
			t.Fatal(err)
		}
		b := &sources.Batch{Limit: 500}
		for {
			b.Reset()
			if err := r.Next(t.Context(), b); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			counts.Add(b.Counts)
			for _, r := range b.Records {
				docs[string(r.Key)] = string(r.Value) + r.Reject
				keys = append(keys, bytes.Clone(r.Key))
			}
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	var b sources.Batch
	if err := view.(sources.Lookup).Lookup(t.Context(), keys, &b); err != nil || len(b.Records) != len(keys) {
		t.Fatalf("%d of %d looked up: %v", len(b.Records), len(keys), err)
	}
	for _, r := range b.Records {
		if got := string(r.Value) + r.Reject; got != docs[string(r.Key)] {
			t.Errorf("%s is %s when looked up, and %s when read", r.Key, got, docs[string(r.Key)])
		}
	}
	return docs, counts
}

func TestIncludes(t *testing.T) {
	t.Parallel()
	root := folded(t, 0,
		line("1", `{"id":1,"customer":7,"lines":[{"sku":"a"},{"sku":"b"},{"sku":null}]}`),
		line("2", `{"id":2,"customer":"8","lines":[]}`),
		line("3", `{}`),
		line("4", `{"id":4,"customer":9.0,"parcels":1}`),
	)
	states := folded(t, 0,
		line("p10", `{"order":1,"at":2}`), line("p9", `{"order":"1","at":2}`), line("p1", `{"order":1,"at":10}`),
		line("p2", `{"order":4}`), line("p3", `{"order":null}`), line("p4", `{}`),
	)
	customers := folded(t, 0, line("7", `{"name":"Ann"}`), line("8", `{"name":"\"Bob\""}`), line("9", `{"name":"Cy"}`))
	stock := folded(t, 0, line("a", `{"rows":{"left":3}}`), line("b", `{"rows":null}`))
	s := &join.Source{Root: root, Includes: []join.Include{
		{Name: "parcels", Parent: [][]string{{"id"}}, From: join.Gather(states, [][]string{{"order"}}, false, []join.Order{{Field: []string{"at"}, Desc: true}}), Rows: "rows", Preload: true},
		{Name: "buyer", Parent: [][]string{{"customer"}}, One: true, From: customers},
		{Name: "stock", At: []string{"lines"}, Parent: [][]string{{"sku"}}, One: true, From: stock, Rows: "rows"},
		{Name: "own", One: true, From: folded(t, 0, line("2", `{"x":1}`)), Preload: true},
	}}
	docs, counts := read(t, s)
	for id, want := range map[string]string{
		"1": `{"id":1,"customer":7,"lines":[{"sku":"a","stock":{"left":3}},{"sku":"b","stock":null},{"sku":null,"stock":null}],"parcels":[{"order":1,"at":10},{"order":1,"at":2},{"order":"1","at":2}],"buyer":{"name":"Ann"},"own":null}`,
		"2": `{"id":2,"customer":"8","lines":[],"parcels":[],"buyer":{"name":"\"Bob\""},"own":{"x":1}}`,
		"3": `{"parcels":[],"buyer":null,"own":null}`,
		"4": `include parcels: the document has a field of that name already`,
	} {
		if docs[id] != want {
			t.Errorf("%s is\n%s, not\n%s", id, docs[id], want)
		}
	}
	// 4 of the root; 6 and 1 of what is held, all folded
	if counts.Read != 11 || counts.Used != 4 || counts.Folded != 7 || !counts.Balanced() {
		t.Errorf("counts: %+v", counts)
	}
}

func TestMoreThanOneIsARejection(t *testing.T) {
	t.Parallel()
	states := folded(t, 0, line("a", `{"order":1}`), line("b", `{"order":1}`))
	s := &join.Source{Root: folded(t, 0, line("x", `{"id":1}`)), Includes: []join.Include{
		{Name: "parcel", Parent: [][]string{{"id"}}, One: true, From: join.Gather(states, [][]string{{"order"}}, true, nil), Rows: "rows", Preload: true},
	}}
	docs, _ := read(t, s)
	if docs["x"] != "include parcel: more than one belongs to it: write many: true" {
		t.Error(docs["x"])
	}
}

func TestSlipInTheDefinitionEndsTheRun(t *testing.T) {
	t.Parallel()
	s := &join.Source{Root: folded(t, 0, line("x", `{"id":1}`)), Includes: []join.Include{
		{Name: "parcel", Parent: [][]string{{"idd"}}, Strict: true, One: true, From: folded(t, 0, line("1", `{}`))},
	}}
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	view, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer view.Close(t.Context()) //nolint:errcheck // at the end of the test
	r, err := view.Read(t.Context(), plan.Partitions[0], "")
	if err != nil {
		t.Fatal(err)
	}
	if err := r.Next(t.Context(), &sources.Batch{}); err == nil || !strings.Contains(err.Error(), "include parcel: document x has no field idd") {
		t.Errorf("%v", err)
	}
}

// Many states, in memory and on disk alike, against a naive join.
func TestAgainstANaiveJoin(t *testing.T) {
	t.Parallel()
	for _, memory := range []int64{0, 1} {
		random := rand.New(rand.NewPCG(1, uint64(memory)))
		var roots, states []string
		want := map[string][]string{}
		const parents = 3000
		for i := range 4 * parents {
			parent := random.IntN(parents * 3 / 2)
			key := fmt.Sprintf("s%06d", i)
			value := fmt.Sprintf(`{"parent":%d,"text":"%s"}`, parent, strings.Repeat("x", random.IntN(100)))
			states = append(states, line(key, value))
			want[fmt.Sprint(parent)] = append(want[fmt.Sprint(parent)], value)
		}
		for i := range parents {
			roots = append(roots, line(fmt.Sprint(i), fmt.Sprintf(`{"id":"%d"}`, i)))
		}
		random.Shuffle(len(states), func(i, j int) { states[i], states[j] = states[j], states[i] })
		s := &join.Source{Root: folded(t, 0, roots...), Includes: []join.Include{
			{Name: "states", Parent: [][]string{{"id"}}, Memory: memory, Preload: true, Rows: "rows", From: join.Gather(folded(t, memory, states...), [][]string{{"parent"}}, false, nil)},
		}}
		docs, counts := read(t, s)
		if len(docs) != parents || counts.Folded != 4*parents || !counts.Balanced() {
			t.Errorf("memory %d: %d documents, counts %+v", memory, len(docs), counts)
		}
		for id, doc := range docs {
			if expect := fmt.Sprintf(`{"id":"%s","states":[%s]}`, id, strings.Join(want[id], ",")); doc != expect {
				t.Fatalf("memory %d: %s is\n%s, not\n%s", memory, id, doc, expect)
			}
		}
	}
}

func TestKeys(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		values []string
		want   string
	}{
		{[]string{`7`}, "7"},
		{[]string{`"7"`}, "7"},
		{[]string{`7.00`}, "7"},
		{[]string{`0.10`}, "0.1"},
		{[]string{`"a:b"`}, "a:b"},
		{[]string{`true`}, "true"},
		{[]string{`1`, `"a:\\b"`}, `1:a\:\\b`},
		{[]string{`1e2`}, "1e2"},
		{[]string{`"ä\n"`}, "ä\n"},
		{[]string{`null`}, "-"},
		{[]string{`{}`}, "-"},
		{[]string{`1`, ``}, "-"},
	} {
		var key []byte
		for i, v := range c.values {
			var ok bool
			if key, ok = join.AppendKey(key, []byte(v), i, len(c.values)); !ok {
				key = []byte("-")
				break
			}
		}
		if string(key) != c.want {
			t.Errorf("%v: %s, not %s", c.values, key, c.want)
		}
	}
}

// What a document of events could not be made of is poison of the run, never left out in silence.
func TestRejectedStatesArePoison(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("k", 600)
	states := folded(t, 0, line(long, `{"order":1}`), line("a", `{"order":1}`))
	s := &join.Source{Root: folded(t, 0, line("x", `{"id":1}`)), Includes: []join.Include{
		{Name: "parcels", Parent: [][]string{{"id"}}, From: join.Gather(states, [][]string{{"order"}}, false, nil), Rows: "rows", Preload: true},
	}}
	docs, counts := read(t, s)
	if docs["x"] != `{"id":1,"parcels":[{"order":1}]}` || counts.Poison != 1 || !counts.Balanced() {
		t.Errorf("%s, %+v", docs["x"], counts)
	}
	var valid any
	if err := json.Unmarshal([]byte(docs["x"]), &valid); err != nil {
		t.Error(err)
	}
}
