package script_test

import (
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"humpty/projector/fold"
	"humpty/projector/fold/script"
)

func TestMain(m *testing.M) {
	script.Main()
	os.Exit(m.Run())
}

func load(t testing.TB, source string, limits script.Limits) fold.Bulk {
	t.Helper()
	makeFold, err := script.New("orders.js", source, limits)
	if err != nil {
		t.Fatal(err)
	}
	f, err := makeFold()
	if err != nil {
		t.Fatal(err)
	}
	bulk := f.(fold.Bulk)
	t.Cleanup(func() {
		if err := bulk.Close(); err != nil {
			t.Error(err)
		}
	})
	return bulk
}

// document has "TYPE {…}" events of one key; "" is a tombstone.
func document(key string, events ...string) fold.Document {
	d := fold.Document{Key: []byte(key)}
	for i, text := range events {
		e := fold.Event{Topic: "orders", Partition: 3, Offset: int64(i), Time: int64(1000 * i), Key: d.Key, Deleted: text == ""}
		if !e.Deleted {
			kind, value, _ := strings.Cut(text, " ")
			e.Type, e.Value = kind, []byte(value)
		}
		d.Events = append(d.Events, e)
	}
	return d
}

// made is what came of a prepared document: its poison, and it.
func made(t testing.TB, f fold.Fold, d fold.Document) (poisons []string, out string) {
	t.Helper()
	if err := f.Begin(d.Key, nil); err != nil {
		t.Fatal(err)
	}
	for i := range d.Events {
		err := f.Apply(&d.Events[i])
		var poison *fold.Poison
		if errors.As(err, &poison) {
			poisons = append(poisons, fmt.Sprintf("%d: %s", i, poison.Reason))
		} else if err != nil {
			t.Fatal(err)
		}
	}
	text, alive, err := f.Append([]byte("before"))
	var poison *fold.Poison
	switch {
	case errors.As(err, &poison):
		return poisons, "rejected: " + poison.Reason
	case err != nil:
		t.Fatal(err)
	case !alive:
		return poisons, "none"
	}
	return poisons, strings.TrimPrefix(string(text), "before")
}

// run folds the events of one key, and gives the first poison if there is some.
func run(t testing.TB, f fold.Bulk, events ...string) string {
	t.Helper()
	d := document("k1", events...)
	if err := f.Prepare(t.Context(), []fold.Document{d}); err != nil {
		t.Fatal(err)
	}
	poisons, out := made(t, f, d)
	if len(poisons) > 0 {
		_, reason, _ := strings.Cut(poisons[0], ": ")
		return "poison: " + reason
	}
	return out
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
	if got := run(t, f); got != "none" {
		t.Error(got)
	}
	for _, c := range []struct {
		events []string
		want   string
	}{
		{[]string{`Placed {"customer":{"name":"Ä","id":12345678901234567890},"at":1.10}`}, `{"items":[],"total":0,"customer":{"name":"Ä","id":12345678901234567890},"at":1.1}`},
		{[]string{`Added {"item":{"sku":"a","price":1.5}}`, `Added {"item":{"sku":"b","price":2}}`}, `{"items":[{"sku":"a","price":1.5},{"sku":"b","price":2}],"total":3.5}`},
		{[]string{`Added {"item":{"price":1}}`, `Cancelled {}`}, "none"},
		{[]string{`Added {"item":{"price":1}}`, ``}, "none"},
		{[]string{`Added {"item":{"price":1}}`, `Cancelled {}`, `Added {"item":{"price":2}}`}, `{"items":[{"price":2}],"total":2}`},
		{[]string{`Replaced {"b":1,"10":[{"x":0.30000000000000001234}],"2":null}`}, `{"2":null,"10":[{"x":0.30000000000000001234}],"b":1,"was":0}`},
		{[]string{`Placed {}`, `Meta {}`}, `{"items":[],"total":0,"type":"Meta","key":"k1","topic":"orders","partition":3,"offset":1,"time":1000,"now":1000}`},
		{[]string{`Unheard {}`}, `poison: orders.js has no handler for events of type "Unheard", and no $any`},
		{[]string{`Added {}`}, `poison: TypeError: Cannot read property 'price' of undefined at Added (orders.js:5:76`},
	} {
		if got := run(t, f, c.events...); got != c.want && !(strings.HasPrefix(c.want, "poison: Type") && strings.HasPrefix(got, c.want[:40]) && strings.Contains(got, "orders.js:5:")) {
			t.Errorf("%q:\n%s, not\n%s", c.events, got, c.want)
		}
	}
}

// Each line is a handler and what becomes of an event {"n":{"a":[1,2]},"big":12345678901234567890.5,"s":"x"}.
func TestHandlers(t *testing.T) {
	t.Parallel()
	const event = `{"n":{"a":[1,2]},"big":12345678901234567890.5,"s":"x\u00e4\n","e":1e2,"z":-0}`
	handlers := map[string]string{}
	for _, c := range [][2]string{
		{`(s, e) => { s.v = e.n.a[1] }`, `{"v":2}`},
		{`(s, e) => { s.v = e.n.a.length; s.w = e.nothing }`, `{"v":2}`},
		{`(s, e) => { s.v = Object.keys(e) }`, `{"v":["n","big","s","e","z"]}`},
		{`(s, e) => { s.v = JSON.stringify(e.n) }`, `{"v":"{\"a\":[1,2]}"}`},
		{`(s, e) => { s.v = e.n.a.map(x => x * 2) }`, `{"v":[2,4]}`},
		{`(s, e) => { s.v = [...e.n.a, 3] }`, `{"v":[1,2,3]}`},
		{`(s, e) => { s.v = 'a' in e.n && e.n === e.n }`, `{"v":true}`},
		{`(s, e) => { s.v = e.big; s.w = e.big > 1; s.x = typeof e.big }`, `{"v":12345678901234567890.5,"w":true,"x":"object"}`},
		{`(s, e) => { s.v = String(e.big); s.w = BigInt("12345678901234567890") }`, `{"v":"12345678901234567890.5","w":12345678901234567890}`},
		{`(s, e) => { s.v = +e.big }`, `{"v":12345678901234567000}`},
		{`(s, e) => { s.v = e.s; s.w = e.e }`, `{"v":"xä\n","w":100}`},
		{`(s, e) => { s.v = new Date(0); s.w = undefined }`, `{"v":"1970-01-01T00:00:00.000Z"}`},
		{`(s, e) => { s.v = Math.random() === Math.random() }`, `{"v":false}`},
		{`(s, e) => { s.v = [new String("x"), e.z, -0] }`, `{"v":["x",0,0]}`},
		{`(s, e) => { e.n.b = 1 }`, `poison: TypeError: events are read-only`},
		{`(s, e) => { e.n.a.push(1) }`, `poison: TypeError: events are read-only`},
		{`(s, e) => { delete e.n }`, `poison: TypeError: events are read-only`},
		{`(s, e) => { s.v = NaN }`, `poison: orders.js: the state.v is NaN`},
		{`(s, e) => { s.a = {}; s.a.b = [s.a] }`, `poison: orders.js: the state.a.b.0 is an object that it is inside of`},
		{`(s, e) => { Object.defineProperty(s, 'v', {enumerable: true, get() { throw new Error('no') }}) }`, `poison: Error: no`},
		{`(s, e, m) => { s.v = m }`, `poison: orders.js: the state.v is meta itself`},
		{`(s, e, m) => { s.v = {...m}.key }`, `{"v":"k1"}`},
		{`(s, e) => 7`, `poison: orders.js: the handler of "T0" returned 7`},
		{`(s, e) => { throw new Error('bad things') }`, `poison: Error: bad things at`},
		{`(s, e) => { for (;;); }`, `poison: stopped: it takes more than 50ms of processor time`},
		{`(s, e) => { const f = () => f(); f() }`, `poison: stopped: calls nest too deep`},
		{`(s, e) => { s.v = 'x'.repeat(2000) }`, `rejected: orders.js: the state has more than 1000 bytes`},
		{`(s, e) => { undeclared = 1 }`, `poison: ReferenceError`},
		{`(s, e) => { s.v = typeof require + typeof fetch + typeof setTimeout + typeof console + typeof process }`, `{"v":"undefinedundefinedundefinedundefinedundefined"}`},
	} {
		handlers[c[0]] = c[1]
	}
	runs := runners(t, handlers, script.Limits{Call: 50 * time.Millisecond, State: 1000})
	for handler, want := range handlers {
		for range 2 { // the same again: no clock, no luck, nothing left over
			if got := runs[handler](event); got != want && !(strings.Contains(want, ": ") && !strings.HasPrefix(want, "{") && strings.HasPrefix(got, want)) {
				t.Errorf("%s:\n%s, not\n%s", handler, got, want)
			}
		}
	}
}

// runners loads all handlers as one module, and gives what folds one event with each.
func runners[T any](t testing.TB, handlers map[string]T, limits script.Limits) map[string]func(event string) string {
	t.Helper()
	module, all := "module.exports = {\n", map[string]func(string) string{}
	var f fold.Bulk
	for i, handler := range slices.Sorted(maps.Keys(handlers)) {
		kind := fmt.Sprintf("T%d", i)
		module += kind + ": " + handler + ",\n"
		all[handler] = func(event string) string { return run(t, f, kind+" "+event) }
	}
	f = load(t, module+"}", limits)
	return all
}

// A handler that takes ever more memory is stopped long before its time is over, and the
// next event is none the worse for it.
func TestMemoryOfACall(t *testing.T) {
	t.Parallel()
	f := load(t, `({Grow: s => { const all = []; for (;;) all.push('x'.repeat(1 << 16) + all.length) }, E: s => { s.v = 1 }})`,
		script.Limits{Call: 30 * time.Second, Heap: 16 << 20})
	if got := run(t, f, `Grow {}`); got != "poison: stopped: it takes more than 16 MB of memory" {
		t.Error(got)
	}
	if got := run(t, f, `E {}`); got != `{"v":1}` {
		t.Error(got)
	}
}

func TestTombstones(t *testing.T) {
	t.Parallel()
	f := load(t, `export default {E: s => { s.n = (s.n || 0) + 1 }, $delete: (s, e) => { s.gone = e === null; return s }}`, script.Limits{})
	if got := run(t, f, `E {}`, ``); got != `{"n":1,"gone":true}` {
		t.Error(got)
	}
	f = load(t, `exports.E = s => {}; exports.$delete = s => {}`, script.Limits{})
	if got := run(t, f, `E {}`, ``); got != "none" {
		t.Error(got)
	}
}

func BenchmarkApply(b *testing.B) {
	f := load(b, `({$init: () => ({items: {}, quantity: 0}),
		OrderPlaced: (s, e) => { s.status = 'placed'; s.placed_at = e.at; s.id = e.order_id },
		ItemAdded: (s, e) => { s.items[e.item.sku] = e.item; s.quantity += e.item.quantity },
		Paid: (s, e) => { s.status = 'paid'; s.paid_at = e.at }})`, script.Limits{})
	const tail = `,"order_id":"order-1-0000042","item":{"sku":"B-%05d","quantity":3,"price":3.99},"at":"2026-11-24T06:00:00.000Z","source":{"app":"shop","version":"3.14.15","host":"web-17"},"note":"left at the door, as always"}`
	d := fold.Document{Key: []byte("k")}
	for i, kind := range []string{"OrderPlaced", "ItemAdded", "ItemAdded", "ItemAdded", "Paid", "ItemAdded", "ItemAdded", "Paid", "ItemAdded", "Paid"} {
		d.Events = append(d.Events, fold.Event{Type: kind, Key: d.Key, Value: fmt.Appendf(nil, `{"type":%q`+tail, kind, i)})
	}
	documents := slices.Repeat([]fold.Document{d}, 64) // as many as are handed over together
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if err := f.Prepare(b.Context(), documents); err != nil {
			b.Fatal(err)
		}
		for range documents {
			if poison, out := made(b, f, d); poison != nil || len(out) < 100 {
				b.Fatal(poison, out)
			}
			n += len(d.Events)
		}
	}
	b.ReportMetric(float64(n)/b.Elapsed().Seconds()/1e6, "Mevents/s")
}
