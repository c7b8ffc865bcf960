package script_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"humpty/projector/fold"
	"humpty/projector/fold/script"
)

func load(t testing.TB, source string, limits script.Limits) fold.Fold {
	t.Helper()
	makeFold, err := script.New("orders.js", source, limits)
	if err != nil {
		t.Fatal(err)
	}
	f, err := makeFold()
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// run folds "TYPE {…}" events of one key; "" is a tombstone.
func run(t testing.TB, f fold.Fold, document string, events ...string) string {
	t.Helper()
	var doc []byte
	if document != "" {
		doc = []byte(document)
	}
	if err := f.Begin([]byte("k1"), doc); err != nil {
		t.Fatal(err)
	}
	for i, text := range events {
		e := &fold.Event{Topic: "orders", Partition: 3, Offset: int64(i), Time: int64(1000 * i), Key: []byte("k1"), Deleted: text == ""}
		if !e.Deleted {
			kind, value, _ := strings.Cut(text, " ")
			e.Type, e.Value = kind, []byte(value)
		}
		err := f.Apply(e)
		var poison *fold.Poison
		if errors.As(err, &poison) {
			return "poison: " + poison.Reason
		} else if err != nil {
			t.Fatal(err)
		}
	}
	out, alive, err := f.Append([]byte("before"))
	var poison *fold.Poison
	switch {
	case errors.As(err, &poison):
		return "rejected: " + poison.Reason
	case err != nil:
		t.Fatal(err)
	case !alive:
		return "none"
	}
	return strings.TrimPrefix(string(out), "before")
}

const orders = `
module.exports = {
  $init: () => ({items: [], total: 0}),
  Placed: (state, event) => { state.customer = event.customer; state.at = event.at },
  Added: (state, event) => { state.items.push(event.item); state.total += event.item.price },
  Cancelled: () => null,
  Replaced: (state, event) => ({...event, was: state.total}),
  Meta: (state, event, meta) => { Object.assign(state, meta); state.now = Date.now() },
}
`

func TestModule(t *testing.T) {
	t.Parallel()
	f := load(t, orders, script.Limits{})
	for _, c := range []struct {
		document string
		events   []string
		want     string
	}{
		{"", nil, "none"},
		{"", []string{`Placed {"customer":{"name":"Ä","id":12345678901234567890},"at":1.10}`}, `{"items":[],"total":0,"customer":{"name":"Ä","id":12345678901234567890},"at":1.1}`},
		{"", []string{`Added {"item":{"sku":"a","price":1.5}}`, `Added {"item":{"sku":"b","price":2}}`}, `{"items":[{"sku":"a","price":1.5},{"sku":"b","price":2}],"total":3.5}`},
		{"", []string{`Added {"item":{"price":1}}`, `Cancelled {}`}, "none"},
		{"", []string{`Added {"item":{"price":1}}`, ``}, "none"},
		{"", []string{`Added {"item":{"price":1}}`, `Cancelled {}`, `Added {"item":{"price":2}}`}, `{"items":[{"price":2}],"total":2}`},
		{"", []string{`Replaced {"b":1,"10":[{"x":0.30000000000000001234}],"2":null}`}, `{"2":null,"10":[{"x":0.30000000000000001234}],"b":1,"was":0}`},
		{`{"items":[{"price":7}],"total":7,"big":9007199254740993}`, []string{`Added {"item":{"price":1}}`}, `{"items":[{"price":7},{"price":1}],"total":8,"big":9007199254740993}`},
		{"", []string{`Placed {}`, `Meta {}`}, `{"items":[],"total":0,"type":"Meta","key":"k1","topic":"orders","partition":3,"offset":1,"time":1000,"now":1000}`},
		{"", []string{`Unheard {}`}, `poison: orders.js has no handler for events of type "Unheard", and no $any`},
		{"", []string{`Added {}`}, `poison: TypeError: Cannot read property 'price' of undefined at Added (orders.js:5:76`},
	} {
		if got := run(t, f, c.document, c.events...); got != c.want && !(strings.HasPrefix(c.want, "poison: Type") && strings.HasPrefix(got, c.want[:40]) && strings.Contains(got, "orders.js:5:")) {
			t.Errorf("%q:\n%s, not\n%s", c.events, got, c.want)
		}
	}
}

// Each line is a handler and what becomes of an event {"n":{"a":[1,2]},"big":12345678901234567890.5,"s":"x"}.
func TestHandlers(t *testing.T) {
	t.Parallel()
	const event = `E {"n":{"a":[1,2]},"big":12345678901234567890.5,"s":"x\u00e4\n","e":1e2,"z":-0}`
	for handler, want := range map[string]string{
		`(s, e) => { s.v = e.n.a[1] }`:                                                                     `{"v":2}`,
		`(s, e) => { s.v = e.n.a.length; s.w = e.nothing }`:                                                `{"v":2}`,
		`(s, e) => { s.v = Object.keys(e) }`:                                                               `{"v":["n","big","s","e","z"]}`,
		`(s, e) => { s.v = JSON.stringify(e.n) }`:                                                          `{"v":"{\"a\":[1,2]}"}`,
		`(s, e) => { s.v = e.n.a.map(x => x * 2) }`:                                                        `{"v":[2,4]}`,
		`(s, e) => { s.v = [...e.n.a, 3] }`:                                                                `{"v":[1,2,3]}`,
		`(s, e) => { s.v = 'a' in e.n && e.n === e.n }`:                                                    `{"v":true}`,
		`(s, e) => { s.v = e.big; s.w = e.big > 1; s.x = typeof e.big }`:                                   `{"v":12345678901234567890.5,"w":true,"x":"object"}`,
		`(s, e) => { s.v = String(e.big); s.w = BigInt("12345678901234567890") }`:                          `{"v":"12345678901234567890.5","w":12345678901234567890}`,
		`(s, e) => { s.v = +e.big }`:                                                                       `{"v":12345678901234567000}`,
		`(s, e) => { s.v = e.s; s.w = e.e }`:                                                               `{"v":"xä\n","w":100}`,
		`(s, e) => { s.v = new Date(0); s.w = undefined; s.x = () => 1 }`:                                  `{"v":"1970-01-01T00:00:00.000Z"}`,
		`(s, e) => { s.v = Math.random() === Math.random() }`:                                              `{"v":false}`,
		`(s, e) => { s.v = [undefined, () => 1, new String("x")] }`:                                        `{"v":[null,null,"x"]}`,
		`(s, e) => { e.n.b = 1 }`:                                                                          `poison: TypeError: events are read-only`,
		`(s, e) => { e.n.a.push(1) }`:                                                                      `poison: TypeError: events are read-only`,
		`(s, e) => { delete e.n }`:                                                                         `poison: TypeError: events are read-only`,
		`(s, e) => { s.v = NaN }`:                                                                          `rejected: orders.js: the state.v is NaN`,
		`(s, e) => { s.a = {}; s.a.b = [s.a] }`:                                                            `rejected: orders.js: the state.a.b.0.b.0`,
		`(s, e) => { Object.defineProperty(s, 'v', {enumerable: true, get() { throw new Error('no') }}) }`: `rejected: Error: no`,
		`(s, e, m) => { s.v = m }`:                                                                         `rejected: orders.js: the state.v is meta itself`,
		`(s, e, m) => { s.v = {...m}.key }`:                                                                `{"v":"k1"}`,
		`(s, e) => 7`:                                                                                      `poison: orders.js: the handler of "E" returned 7`,
		`(s, e) => { throw new Error('bad things') }`:                                                      `poison: Error: bad things at`,
		`(s, e) => { for (;;); }`:                                                                          `poison: stopped: it takes more than 50ms`,
		`(s, e) => { const f = () => f(); f() }`:                                                           `poison: stopped: calls nest too deep`,
		`(s, e) => { s.v = 'x'.repeat(2000) }`:                                                             `rejected: orders.js: the state has more than 1000 bytes`,
		`(s, e) => { undeclared = 1 }`:                                                                     `poison: ReferenceError`,
		`(s, e) => { s.v = typeof require + typeof fetch + typeof setTimeout + typeof console + typeof process }`: `{"v":"undefinedundefinedundefinedundefinedundefined"}`,
	} {
		f := load(t, "({$any: "+handler+"})", script.Limits{Call: 50 * time.Millisecond, State: 1000})
		for range 2 { // the same again: no clock, no luck, nothing left over
			if got := run(t, f, "", event); got != want && !(strings.Contains(want, ": ") && !strings.HasPrefix(want, "{") && strings.HasPrefix(got, want)) {
				t.Errorf("%s:\n%s, not\n%s", handler, got, want)
			}
		}
	}
}

// A handler that takes ever more memory is stopped long before its time is over, and the
// next event is none the worse for it.
func TestMemoryOfACall(t *testing.T) {
	t.Parallel()
	f := load(t, `({Grow: s => { const all = []; for (;;) all.push('x'.repeat(1 << 16) + all.length) }, E: s => { s.v = 1 }})`,
		script.Limits{Call: 30 * time.Second, Heap: 16 << 20})
	if got := run(t, f, "", `Grow {}`); got != "poison: stopped: it takes more than 16 MB of memory" {
		t.Error(got)
	}
	if got := run(t, f, "", `E {}`); got != `{"v":1}` {
		t.Error(got)
	}
}

func TestTombstones(t *testing.T) {
	t.Parallel()
	f := load(t, `export default {E: s => { s.n = (s.n || 0) + 1 }, $delete: (s, e) => { s.gone = e === null; return s }}`, script.Limits{})
	if got := run(t, f, "", `E {}`, ``); got != `{"n":1,"gone":true}` {
		t.Error(got)
	}
	f = load(t, `exports.E = s => {}; exports.$delete = s => {}`, script.Limits{})
	if got := run(t, f, "", `E {}`, ``); got != "none" {
		t.Error(got)
	}
}

// A value of an event that a module keeps for another document is not to be read: its
// bytes may be another event's.
func TestEventsDoNotOutliveTheirDocument(t *testing.T) {
	t.Parallel()
	f := load(t, `let kept; module.exports = {Keep: (s, e) => { kept = e.a }, Use: s => { s.v = kept.b }, Store: s => { s.v = kept }}`, script.Limits{})
	if got := run(t, f, "", `Keep {"a":{"b":1}}`, `Use {}`); got != `{"v":1}` {
		t.Error(got)
	}
	if got := run(t, f, "", `Use {}`); !strings.Contains(got, "kept beyond its document") {
		t.Error(got)
	}
	if got := run(t, f, "", `Store {}`); got != "rejected: orders.js: the state.v holds an event of another document" {
		t.Error(got)
	}
}

func TestModulesThatCannotWork(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"module.exports = {\n  A: (s => {}\n}": "orders.js: Line 3", "module.exports = {}": "exports no handlers",
		"module.exports = {A: 1}": "A is not a function", "module.exports = 1": "not an object",
		"\nthrow new Error('early')": "early at orders.js:2", "module.exports = {$innit: () => 1}": "unknown $innit",
		"require('fs')": "require is not defined", "for (;;);": "it takes more than",
	} {
		_, err := script.New("orders.js", source, script.Limits{Call: 20 * time.Millisecond})
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, nothing of %q", source, err, want)
		}
	}
}

func BenchmarkApply(b *testing.B) {
	f := load(b, `({$init: () => ({items: {}, quantity: 0}),
		OrderPlaced: (s, e) => { s.status = 'placed'; s.placed_at = e.at; s.id = e.order_id },
		ItemAdded: (s, e) => { s.items[e.item.sku] = e.item; s.quantity += e.item.quantity },
		Paid: (s, e) => { s.status = 'paid'; s.paid_at = e.at }})`, script.Limits{})
	const tail = `,"order_id":"order-1-0000042","item":{"sku":"B-%05d","quantity":3,"price":3.99},"at":"2026-11-24T06:00:00.000Z","source":{"app":"shop","version":"3.14.15","host":"web-17"},"note":"left at the door, as always"}`
	var events []*fold.Event
	for i, kind := range []string{"OrderPlaced", "ItemAdded", "ItemAdded", "ItemAdded", "Paid", "ItemAdded", "ItemAdded", "Paid", "ItemAdded", "Paid"} {
		events = append(events, &fold.Event{Type: kind, Key: []byte("k"), Value: fmt.Appendf(nil, `{"type":%q`+tail, kind, i)})
	}
	var dst []byte
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := f.Begin([]byte("k"), nil); err != nil {
			b.Fatal(err)
		}
		for _, e := range events {
			if err := f.Apply(e); err != nil {
				b.Fatal(err)
			}
		}
		var err error
		if dst, _, err = f.Append(dst[:0]); err != nil {
			b.Fatal(err)
		}
		n += len(events)
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}

// What is written as an empty object, though it is not one, is told.
func TestStatesThatJSONHasNoWordFor(t *testing.T) {
	t.Parallel()
	for handler, want := range map[string]string{
		`async (state, event) => { state.x = 1; return state }`: "the state is a Promise",
		`(state) => { state.seen = new Set([1]) }`:              "the state.seen is a Set",
		`(state) => { state.by = new Map([[1, 2]]) }`:           "the state.by is a Map",
		`(state) => { state.like = /x/ }`:                       "the state.like is a RegExp",
	} {
		makeFold, err := script.New("m.js", "module.exports = {A: "+handler+"}", script.Limits{})
		if err != nil {
			t.Fatal(err)
		}
		f, err := makeFold()
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Begin([]byte("k"), nil); err != nil {
			t.Fatal(err)
		}
		err = f.Apply(&fold.Event{Type: "A", Value: []byte("{}")})
		if err == nil {
			_, _, err = f.Append(nil)
		}
		var poison *fold.Poison
		if !errors.As(err, &poison) || !strings.Contains(poison.Reason, want) {
			t.Errorf("%s: %v, nothing of %q", handler, err, want)
		}
	}
	makeFold, err := script.New("m.js", "module.exports = {A: (state) => { state.x = new Boolean(false); state.at = new Date(0); state.is = new (class P { a = 1 })() }}", script.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	f, err := makeFold()
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(f.Begin([]byte("k"), nil), f.Apply(&fold.Event{Type: "A", Value: []byte("{}")})); err != nil {
		t.Fatal(err)
	}
	if out, _, err := f.Append(nil); err != nil || string(out) != `{"x":false,"at":"1970-01-01T00:00:00.000Z","is":{"a":1}}` {
		t.Errorf("%s, %v", out, err)
	}
}
