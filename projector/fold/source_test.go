package fold_test

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"humpty/internal/deadletter"
	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/fold/script"
	"humpty/sources"
)

// oracle folds a history event by event, with maps, in the stated order.
func oracle(h *history, apply func(doc map[string]any, e sources.Record) map[string]any) map[string]string {
	type at struct {
		time      int64
		partition int
		e         sources.Record
	}
	byKey := map[string][]at{}
	for p, part := range h.partitions {
		newest := map[string]int64{}
		for _, e := range part.events {
			key := string(e.Key)
			if t, ok := newest[key]; !ok || e.Time > t {
				newest[key] = e.Time
			}
			byKey[key] = append(byKey[key], at{newest[key], p, e})
		}
	}
	docs := map[string]string{}
	for key, events := range byKey {
		slices.SortStableFunc(events, func(a, b at) int {
			return cmp.Or(cmp.Compare(a.time, b.time), cmp.Compare(a.partition, b.partition), cmp.Compare(a.e.Offset, b.e.Offset))
		})
		var doc map[string]any
		for _, e := range events {
			doc = apply(doc, e.e)
		}
		if doc != nil {
			text, _ := json.Marshal(doc)
			docs[key] = string(text)
		}
	}
	return docs
}

func parse(p []byte) map[string]any {
	var m map[string]any
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	_ = d.Decode(&m)
	return m
}

// mergeOracle is RFC 7386 as it is written there.
func mergeOracle(doc map[string]any, e sources.Record) map[string]any {
	if e.Deleted {
		return nil
	}
	var merge func(into map[string]any, patch map[string]any) map[string]any
	merge = func(into map[string]any, patch map[string]any) map[string]any {
		if into == nil {
			into = map[string]any{}
		}
		for name, v := range patch {
			switch v := v.(type) {
			case nil:
				delete(into, name)
			case map[string]any:
				was, _ := into[name].(map[string]any)
				into[name] = merge(was, v)
			default:
				into[name] = v
			}
		}
		return into
	}
	return merge(doc, parse(e.Value))
}

func latestOracle(_ map[string]any, e sources.Record) map[string]any {
	if e.Deleted {
		return nil
	}
	return parse(e.Value)
}

// TestAgainstTheOracle folds random histories of several topics, with clocks that jump,
// with memory that is enough and that is not, and goes on from every position.
func TestAgainstTheOracle(t *testing.T) {
	t.Parallel()
	scripted := scriptedMerge(t)
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		h := &history{page: rapid.IntRange(1, 50).Draw(r, "page")}
		padding := strings.Repeat("x", rapid.SampledFrom([]int{0, 10, 20_000}).Draw(r, "padding"))
		keys := rapid.IntRange(1, 40).Draw(r, "keys")
		events := 0
		for p := range rapid.IntRange(1, 4).Draw(r, "partitions") {
			part := partition{id: fmt.Sprintf("topic%d/%d", p/2, p%2)}
			for range rapid.IntRange(0, 60).Draw(r, "events") {
				key := fmt.Sprint("k", rapid.IntRange(1, keys).Draw(r, "key"))
				value := ""
				if rapid.IntRange(0, 9).Draw(r, "tombstone") > 0 {
					value = fmt.Sprintf(`{"n":%d,%q:%s,"pad":%q}`, events, rapid.SampledFrom([]string{"a", "b", "c"}).Draw(r, "name"),
						rapid.SampledFrom([]string{"1.50", "null", `{"x":1,"y":null}`, `{"x":null}`, `[1,{"z":2}]`, `"text"`}).Draw(r, "value"), padding)
				}
				part.event(int64(rapid.IntRange(0, 20).Draw(r, "time")), key, value)
				events++
			}
			h.partitions = append(h.partitions, part)
		}
		s := &fold.Source{Inner: h, Decoder: &decode.JSON{}, New: handlers.NewMerge, Memory: 64 << 10, Dir: dir}
		apply := mergeOracle
		switch rapid.SampledFrom([]string{"merge", "latest", "script"}).Draw(r, "fold") {
		case "latest":
			s.New, apply = handlers.NewLatest, latestOracle
		case "script":
			s.New = scripted
			apply = func(doc map[string]any, e sources.Record) map[string]any { // a number by itself is one of JavaScript's
				e.Value = bytes.ReplaceAll(e.Value, []byte(":1.50"), []byte(":1.5"))
				return mergeOracle(doc, e)
			}
		}
		if rapid.Bool().Draw(r, "roomy") {
			s.Memory = 0
		}
		want := oracle(h, apply)
		plan, view := open(t, s)
		docs, counts := read(t, view, plan.Partitions, "", rapid.SampledFrom([]int{1, 100, 1 << 20}).Draw(r, "limit"))
		got := map[string]string{}
		for _, d := range docs {
			if _, twice := got[d.key]; twice {
				r.Errorf("document %s came twice", d.key)
			}
			text, _ := json.Marshal(parse([]byte(d.body)))
			got[d.key] = string(text)
		}
		if len(got) != len(want) {
			r.Errorf("%d documents, not %d", len(got), len(want))
		}
		for key, text := range want {
			if got[key] != text {
				r.Errorf("document %s: %.200s, not %.200s", key, got[key], text)
			}
		}
		if counts.Read != int64(events) || counts.Used != int64(len(docs)) || counts.Rows != int64(events) {
			r.Errorf("%d events: counts %+v", events, counts)
		}
		again, _ := read(t, view, plan.Partitions, "", 100)
		if len(again) != len(docs) {
			r.Errorf("the second pass gives %d documents, not %d", len(again), len(docs))
		}
		for i, d := range docs {
			if i+1 < len(docs) && docs[i+1].position == d.position {
				continue // not the end of its batch
			}
			rest, _ := read(t, view, plan.Partitions, d.position, 1<<20)
			if len(rest) != len(docs)-i-1 || len(rest) > 0 && rest[0].key != docs[i+1].key {
				r.Errorf("behind document %d of %d come %d", i+1, len(docs), len(rest))
			}
		}
		if err := view.Close(t.Context()); err != nil {
			r.Error(err)
		}
		if h.open.Load() != 0 {
			r.Error("the view of the events is open")
		}
		if left, err := os.ReadDir(dir); err != nil || len(left) > 0 {
			r.Errorf("left on disk: %v, %v", left, err)
		}
	})
}

func TestPoisonIsCountedAndHandedOver(t *testing.T) {
	t.Parallel()
	p := partition{id: "shop/orders/7"}
	p.event(1, "a", `{"type":"Counted","n":1}`)
	p.event(2, "a", `{"type":"Counted","n":"x"}`) // a dirty one: alive is set before
	p.event(3, "a", `{"type":"Counted","n":2}`)
	p.event(4, "", `{"type":"Counted","n":1}`)
	p.event(5, "b", `{"type":`)
	p.event(6, "c", `{"n":1}`)
	p.event(7, "d", `{"type":"Unheard"}`)
	p.event(8, "e", "{\"type\":\"Counted\",\"n\":\"\xff\"}")
	p.event(9, strings.Repeat("long", 200), `{"type":"Counted","n":1}`)
	p.event(10, "f", `{"type":"Counted","n":1}`)
	p.event(11, "f", ``)
	makeFold, err := handlers.ByType{Types: map[string][]handlers.Step{"Counted": {{Do: handlers.Increment, Field: []string{"total"}, From: []string{"n"}}}}}.New()
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	poison := fold.NewLetters(&out, 4)
	s := &fold.Source{
		Inner: &history{partitions: []partition{p}}, New: makeFold, Letters: poison,
		Decoder: &decode.JSON{Type: decode.Locator{Path: []string{"type"}}},
	}
	plan, view := open(t, s)
	defer view.Close(t.Context()) //nolint:errcheck // at the end of the test
	for pass := range 2 {
		docs, counts := read(t, view, plan.Partitions, "", 1<<20)
		slices.SortFunc(docs, func(a, b document) int { return cmp.Compare(a.key, b.key) })
		if len(docs) != 2 || docs[0].body != `{"total":3}` || docs[1].reject == "" || docs[1].body != "" {
			t.Errorf("documents: %+v", docs)
		}
		want := sources.Counts{Read: 11, Used: 2, Folded: 3, Poison: 6, Rows: 11}
		if counts != want {
			t.Errorf("pass %d: counts %+v, not %+v", pass, counts, want)
		}
	}
	if countsBefore := view.(sources.PartitionCounter).PartitionCounts()["shop/orders/7"]; countsBefore != (sources.Counts{Read: 11, Used: 2, Folded: 3, Poison: 6, Rows: 11}) {
		t.Errorf("traced: %+v", countsBefore)
	}
	written, dropped, err := poison.Close()
	if err != nil || written != 4 || dropped != 2 {
		t.Errorf("%d letters, %d dropped, %v", written, dropped, err)
	}
	var first deadletter.Letter
	line, _, _ := strings.Cut(out.String(), "\n")
	if err := json.Unmarshal([]byte(line), &first); err != nil {
		t.Fatal(err)
	}
	if first.Topic != "shop/orders" || first.Partition != 7 || first.Offset != 6 || string(first.Value) != `{"type":"Counted","n":1}` || !strings.Contains(first.Reason, "no key") {
		t.Errorf("first letter: %s", line)
	}
}

func TestErrorsEndTheReplay(t *testing.T) {
	t.Parallel()
	broken := errors.New("the log is broken")
	h := &history{partitions: []partition{{id: "a/0"}}, fault: broken}
	s := &fold.Source{Inner: h, Decoder: &decode.JSON{}, New: handlers.NewLatest}
	if _, err := s.Open(t.Context()); !errors.Is(err, broken) || !strings.Contains(err.Error(), "a/0") || h.open.Load() != 0 {
		t.Errorf("%v, %d views open", err, h.open.Load())
	}
	if _, err := (&fold.Source{Inner: h}).Open(t.Context()); err == nil {
		t.Error("no decoder, no error")
	}
	full := &history{partitions: []partition{{id: "a/0"}}}
	for i := range 200 {
		full.partitions[0].event(1, fmt.Sprint(i), `{"a":"`+strings.Repeat("x", 1000)+`"}`)
	}
	s = &fold.Source{Inner: full, Decoder: &decode.JSON{}, New: handlers.NewLatest, Memory: 1, Dir: "/nowhere/at/all"}
	if _, err := s.Open(t.Context()); err == nil || !strings.Contains(err.Error(), "a folder with room") {
		t.Errorf("%v", err)
	}
}

func TestLocators(t *testing.T) {
	t.Parallel()
	record := sources.Record{
		Key: []byte("mk"), Value: []byte(` {"id": 12.0, "who": {"name": "A\u0062"}, "none": null, "list": [1], "data": {"x": 1}} `),
		Headers: []sources.Header{{Name: "h", Value: []byte("first")}, {Name: "h", Value: []byte("last")}},
	}
	for place, want := range map[string]string{
		"": "mk", "key": "mk", "header:h": "last", "id": "12.0", "who.name": "Ab", "list.0": "1",
		"none": "poison", "missing": "poison", "who": "poison", "header:x": "poison",
	} {
		l, err := decode.ParseLocator(place)
		if err != nil {
			t.Fatal(err)
		}
		var d fold.Decoded
		err = (&decode.JSON{Key: l, Type: decode.Locator{Header: "h"}, Payload: []string{"data"}}).Decode(&record, &d)
		got := string(d.Key)
		var poison *fold.Poison
		if errors.As(err, &poison) {
			got = "poison"
		} else if err != nil || string(d.Value) != `{"x": 1}` || string(d.Type) != "last" {
			t.Errorf("%s: %+v, %v", place, d, err)
		}
		if got != want {
			t.Errorf("%s: %s, not %s (%v)", place, got, want, err)
		}
	}
	for _, wrong := range []string{"a..b", "header:", "."} {
		if _, err := decode.ParseLocator(wrong); err == nil {
			t.Errorf("%q was taken", wrong)
		}
	}
}

// scriptedMerge is NewMerge in JavaScript.
func scriptedMerge(t testing.TB) func() (fold.Fold, error) {
	t.Helper()
	makeFold, err := script.New("merge.js", `
		const isObject = v => typeof v === 'object' && v !== null && !Array.isArray(v)
		const patch = (to, by) => {
			for (const [name, v] of Object.entries(by)) {
				if (v === null) delete to[name]
				else to[name] = isObject(v) ? patch(isObject(to[name]) ? to[name] : {}, v) : v
			}
			return to
		}
		module.exports = {$any: (state, event) => {
			if (!isObject(event)) throw new Error('the value is not an object')
			patch(state, event)
		}}`, script.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	return makeFold
}
