package sinktest

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sync/errgroup"

	"humpty/sinks"
)

func roundtrip(t *testing.T, u Harness) {
	f := newFixture(t, u)
	want := map[string]string{}
	var docs []sinks.Document
	for i := range 100 {
		id, body := fmt.Sprintf("d%d", i), fmt.Sprintf(`{"n":%d,"lines":[{"price":1.10},{"price":2E3}]}`, i)
		want[id] = body
		docs = append(docs, doc(id, 1<<40, body))
	}
	for _, v := range write(t, f.index, docs...) {
		if v.Outcome != sinks.Written {
			t.Fatalf("verdict %+v, want written", v)
		}
	}
	f.wantDocuments(t, u, want)
	must(t, f.index.Seal(t.Context(), nil)) // again is harmless
	if v := stored(t, t.Context(), f.index, 1)["d7"].Version; !u.KeepsNothing && v != 1<<40 && v != 0 {
		t.Errorf("a scan says version %d, want %d or none", v, int64(1<<40))
	}
}

func verdicts(t *testing.T, u Harness) {
	f := newFixture(t, u)
	superseded := sinks.Superseded
	if u.KeepsNothing {
		superseded = sinks.Written
	}
	expect(t, f.index, doc("a", 10, `{"n":1}`), sinks.Written)
	expect(t, f.index, doc("a", 10, `{"n":2}`), sinks.Written) // equal: a retry is accepted
	expect(t, f.index, doc("a", 9, `{"n":3}`), superseded)
	expect(t, f.index, doc("b", 5, `{"n":1}`), sinks.Written)
	expect(t, f.index, doc("b", 6, ""), sinks.Deleted)
	expect(t, f.index, doc("b", 5, `{"n":2}`), superseded) // a late attempt does not bring it back
	expect(t, f.index, doc("never", 3, ""), sinks.Deleted)
	expect(t, f.index, doc("never", 2, `{"n":1}`), superseded)
	if !u.KeepsNothing {
		expect(t, f.index, doc("a", 8, ""), sinks.Superseded)
	}
	expect(t, f.index, doc("c", 7, ""), sinks.Deleted)
	expect(t, f.index, doc("c", 7, ""), sinks.Deleted)
	zero := doc("zero", 0, `{"n":0}`)
	zero.Versioned = true
	expect(t, f.index, zero, sinks.Written)
	expect(t, f.index, doc("zero", 1, `{"n":1}`), sinks.Written)
	expect(t, f.index, zero, superseded) // unversioned it would be taken
	f.wantDocuments(t, u, map[string]string{"a": `{"n":2}`, "zero": `{"n":1}`})
}

func unversioned(t *testing.T, u Harness) {
	f := newFixture(t, u)
	expect(t, f.index, doc("a", 0, `{"n":1}`), sinks.Written)
	expect(t, f.index, doc("a", 0, `{"n":2}`), sinks.Written)
	expect(t, f.index, doc("b", 0, `{"n":1}`), sinks.Written)
	expect(t, f.index, doc("b", 0, ""), sinks.Deleted)
	expect(t, f.index, doc("b", 0, ""), sinks.Deleted)
	f.wantDocuments(t, u, map[string]string{"a": `{"n":2}`})
}

func routing(t *testing.T, u Harness) {
	f := newFixture(t, u)
	var docs []sinks.Document
	for i := range 20 {
		d := doc(fmt.Sprint(i), 1, `{"n":1}`)
		d.Routing = []byte(fmt.Sprintf("customer \"%d\"", i%3))
		docs = append(docs, d)
	}
	write(t, f.index, docs...)
	gone := doc("4", 2, "")
	gone.Routing = docs[4].Routing
	expect(t, f.index, gone, sinks.Deleted)
	must(t, f.index.Seal(t.Context(), nil))
	if u.KeepsNothing {
		return
	}
	got := stored(t, t.Context(), f.index, 2)
	if len(got) != 19 {
		t.Errorf("%d documents, want 19", len(got))
	}
	for _, d := range docs {
		if g, ok := got[string(d.ID)]; ok && string(g.Routing) != string(d.Routing) {
			t.Errorf("document %s has routing %q, want %q", d.ID, g.Routing, d.Routing)
		}
	}
}

func ids(t *testing.T, u Harness) {
	f := newFixture(t, u)
	want := map[string]string{}
	var docs []sinks.Document
	for _, id := range []string{
		"1", " ", `with "quotes" and \`, "two\nlines\tand\rmore\x00", "ÄÖ漢字🥚", "a/b?c=d&e#f", "_id", "-",
		strings.Repeat("x", 512), strings.Repeat("ä", 256), "{\"a\":1}", "\u2028\u007f", "null", "🥚\"\n🥚",
	} {
		body := fmt.Sprintf(`{"n":%d}`, len(id))
		want[id] = body
		docs = append(docs, doc(id, 1, body))
	}
	write(t, f.index, docs...)
	f.wantDocuments(t, u, want)
}

func bodies(t *testing.T, u Harness) {
	f := newFixture(t, u)
	want := map[string]string{}
	for i, body := range []string{
		`{}`, `{"text":"quote \" backslash \\ brace } bracket ] \\\" end\\"}`, `{"deep":[[[[{"a":[{},[],""]}]]]]}`,
		`{"text":"äöü漢字🥚\u00e4\ud83e\udd5a"}`, `{"big":123456789012345678901234567890.10,"e":1e-7,"E":1.0E+3}`,
		`{ "spaces" : [ 1 , 2 ] }`, `{"n":1,"same":1,"source_":"x","hits_":{"hits":[]}}`, `{"long":"` + strings.Repeat("0123456789", 20_000) + `"}`,
	} {
		id := fmt.Sprint(i)
		want[id] = body
		expect(t, f.index, doc(id, 1, body), sinks.Written)
	}
	f.wantDocuments(t, u, want)
}

// invalidDocuments documents are refused by themselves: what travels with them is written.
func invalidDocuments(t *testing.T, u Harness) {
	if u.NoMapping {
		t.Skip("takes any document")
	}
	f := newFixture(t, u)
	bad := []sinks.Document{
		doc("", 1, `{"n":1}`), doc(strings.Repeat("x", 513), 1, `{"n":1}`), doc("broken", 1, `{"n":`), doc("lines", 1, "{\n}"),
		doc("array", 1, `[]`), doc("\xff", 1, `{}`), doc("negative", -1, `{}`),
		{ID: []byte("none"), Version: 1, Body: []byte{}},
	}
	for i, b := range bad {
		v := write(t, f.index, doc(fmt.Sprint("before", i), 1, `{"n":1}`), b, doc(fmt.Sprint("after", i), 1, `{"n":2}`))
		if v[0].Outcome != sinks.Written || v[1].Outcome != sinks.Rejected || v[2].Outcome != sinks.Written {
			t.Errorf("document %d, %.20q: verdicts %+v", i, b.ID, v)
		}
		if v[1].Type == "" || v[1].Reason == "" {
			t.Errorf("document %d, %.20q is rejected without a type and a reason: %+v", i, b.ID, v[1])
		}
	}
	must(t, f.index.Seal(t.Context(), nil))
	if got := stored(t, t.Context(), f.index, 1); len(got) != 2*len(bad) {
		t.Errorf("%d documents, want %d", len(got), 2*len(bad))
	}
}

func rejections(t *testing.T, u Harness) {
	if u.NoMapping {
		t.Skip("has no mapping")
	}
	f := newFixture(t, u)
	v := write(t, f.index, doc("a", 1, `{"n":1}`), doc("b", 1, `{"n":"many"}`), doc("c", 1, `{"n":3}`))
	if v[0].Outcome != sinks.Written || v[2].Outcome != sinks.Written {
		t.Errorf("a rejection hurts others: %+v", v)
	}
	if v[1].Outcome != sinks.Rejected || v[1].Status != 400 || v[1].Type == "" || !strings.Contains(v[1].Reason, "many") {
		t.Errorf("verdict %+v, want a rejection that names the value", v[1])
	}
	f.wantDocuments(t, u, map[string]string{"a": `{"n":1}`, "c": `{"n":3}`})
}

func large(t *testing.T, u Harness) {
	f := newFixture(t, u)
	filler := strings.Repeat("x", 200)
	docs := make([]sinks.Document, 20_000)
	for i := range docs {
		docs[i] = doc(fmt.Sprint(i), 1, fmt.Sprintf(`{"n":%d,"text":%q}`, i, filler))
	}
	write(t, f.index, docs...)
	must(t, f.index.Seal(t.Context(), nil))
	if got := stored(t, t.Context(), f.index, 4); !u.KeepsNothing && len(got) != len(docs) {
		t.Errorf("%d documents, want %d", len(got), len(docs))
	}
}

func concurrent(t *testing.T, u Harness) {
	f := newFixture(t, u)
	var group errgroup.Group
	for w := range 8 {
		group.Go(func() error {
			for round := range 5 {
				docs := make([]sinks.Document, 50)
				for i := range docs {
					docs[i] = doc(fmt.Sprintf("%d-%d-%d", w, round, i), 1, `{"n":1}`)
				}
				v := make([]sinks.Verdict, len(docs))
				if _, err := f.index.Write(t.Context(), docs, v); err != nil {
					return err
				}
				for i := range v {
					if v[i].Outcome != sinks.Written {
						return fmt.Errorf("document %s: %+v", docs[i].ID, v[i])
					}
				}
			}
			return nil
		})
	}
	must(t, group.Wait())
	must(t, f.index.Seal(t.Context(), nil))
	if n, err := f.index.Count(t.Context()); err != nil || n != 2000 && !u.KeepsNothing {
		t.Errorf("%d documents (%v), want 2000", n, err)
	}
}

func cancelled(t *testing.T, u Harness) {
	f := newFixture(t, u)
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	v := []sinks.Verdict{{Outcome: sinks.Written}}
	if _, err := f.index.Write(ctx, []sinks.Document{doc("a", 1, `{}`)}, v); !errors.Is(err, context.Canceled) {
		t.Errorf("Write: %v, want the context's error", err)
	}
	if v[0].Outcome != sinks.Undecided {
		t.Errorf("a verdict without an answer: %+v", v[0])
	}
	never := func([]sinks.Document) error { return nil }
	if err := f.index.Scan(ctx, 0, 1, never); !errors.Is(err, context.Canceled) && !u.KeepsNothing {
		t.Errorf("Scan: %v, want the context's error", err)
	}
	if _, err := f.Survey(ctx); !errors.Is(err, context.Canceled) {
		t.Errorf("Survey: %v, want the context's error", err)
	}
}

func empty(t *testing.T, u Harness) {
	f := newFixture(t, u)
	write(t, f.index)
	f.wantDocuments(t, u, nil)
	stop := errors.New("enough")
	write(t, f.index, doc("a", 1, `{}`))
	must(t, f.index.Seal(t.Context(), nil))
	if err := f.index.Scan(t.Context(), 0, 1, func([]sinks.Document) error { return stop }); !errors.Is(err, stop) && !u.KeepsNothing {
		t.Errorf("Scan: %v, want the error of its callback", err)
	}
}
