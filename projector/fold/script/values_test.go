package script_test

import (
	"strings"
	"testing"

	"humpty/projector/fold"
	"humpty/projector/fold/script"
)

// outcome is what becomes of a value that a handler puts into the state: how it is written, or
// what the poison says.
type outcome struct{ written, poison string }

// values is every kind of value that JavaScript has, and what becomes of state.v.
var values = map[string]outcome{
	"1": {written: `{"v":1}`}, "1.5": {written: `{"v":1.5}`}, "1e21": {written: `{"v":1e+21}`}, "-0": {written: `{"v":0}`},
	"true": {written: `{"v":true}`}, "null": {written: `{"v":null}`}, `"ä\n"`: {written: `{"v":"ä\n"}`}, `"\ud83d\ude00"`: {written: `{"v":"😀"}`}, `"\ufffd"`: {written: "{\"v\":\"\ufffd\"}"},
	"10n": {written: `{"v":10}`}, "12345678901234567890n": {written: `{"v":12345678901234567890}`},
	"undefined": {written: `{}`}, "({a: undefined, b: 1})": {written: `{"v":{"b":1}}`},
	"new Date(5)": {written: `{"v":"1970-01-01T00:00:00.005Z"}`}, "({toJSON() { return 5 }})": {written: `{"v":5}`},
	"({get a() { return 5 }})": {written: `{"v":{"a":5}}`}, "new (class P { a = 1; m() {} })": {written: `{"v":{"a":1}}`}, "Object.create(null)": {written: `{"v":{}}`},
	`new String("x")`: {written: `{"v":"x"}`}, "new Number(1)": {written: `{"v":1}`}, "new Boolean(false)": {written: `{"v":false}`},
	`JSON.parse('{"__proto__":1}')`: {written: `{"v":{"__proto__":1}}`}, "e": {written: `{"v":{"a":[1.50]}}`}, "e.a": {written: `{"v":[1.50]}`}, "[e.a, {...m}.key]": {written: `{"v":[[1.50],"k1"]}`},
	"({b: 1, 10: 2, 2: 3, a: 4})": {written: `{"v":{"2":3,"10":2,"b":1,"a":4}}`},

	"NaN": {poison: "the state.v is NaN"}, "Infinity": {poison: "the state.v is Infinity"}, "-Infinity": {poison: "the state.v is -Infinity"}, "new Number(NaN)": {poison: "the state.v is NaN"},
	`Symbol("x")`: {poison: "the state.v is a Symbol"}, `({[Symbol("q")]: 1, a: 1})`: {poison: "the state.v has a member whose name is a Symbol"},
	"() => 1": {poison: "the state.v is a function"}, "class A {}": {poison: "the state.v is a function"}, "[() => 1]": {poison: "the state.v.0 is a function"},
	"[undefined]": {poison: "the state.v.0 is undefined"}, "[1,,2]": {poison: "the state.v.1 is a hole"}, "new Array(3)": {poison: "the state.v.0 is a hole"}, "Object.assign([1], {x: 1})": {poison: `the state.v is an array with a member "x"`},
	"(() => { const a = []; a[1e9] = 1; return a })()": {poison: "the state.v.0 is a hole"},
	"new Date(NaN)": {poison: "the state.v is an invalid Date"}, "/x/": {poison: "the state.v is a RegExp"}, "new Map([[1, 2]])": {poison: "the state.v is a Map"}, "new Set([1])": {poison: "the state.v is a Set"},
	"new WeakMap()": {poison: "the state.v is a WeakMap"}, "new WeakSet()": {poison: "the state.v is a WeakSet"},
	"new Uint8Array(3)": {poison: "the state.v is an Uint8Array"}, "new Float64Array(3)": {poison: "the state.v is a Float64Array"}, "new ArrayBuffer(3)": {poison: "the state.v is an ArrayBuffer"}, "new DataView(new ArrayBuffer(3))": {poison: "the state.v is a DataView"},
	"Promise.resolve(1)": {poison: "the state.v is a Promise"}, "(async () => 1)()": {poison: "the state.v is a Promise"}, "(function*() { yield 1 })()": {poison: "the state.v is a Generator"}, "[1][Symbol.iterator]()": {poison: "the state.v is an Array Iterator"},
	"new Proxy({a: 1}, {})": {poison: "the state.v is a Proxy"}, "new Proxy([1], {})": {poison: "the state.v is a Proxy"},
	`new Error("x")`: {poison: "the state.v is an Error"}, "(function() { return arguments })(1)": {poison: "the state.v is an Arguments"}, "Object(1n)": {poison: "the state.v is a BigInt"}, `Object(Symbol("x"))`: {poison: "the state.v is a Symbol"},
	"Object.create({inherited: 1})": {poison: `the state.v inherits "inherited"`}, "({__proto__: {a: 1}})": {poison: `the state.v inherits "a"`},
	"globalThis": {poison: "the state.v is "}, "Math": {poison: "the state.v "}, "JSON": {poison: "the state.v "}, "m": {poison: "the state.v is meta itself"},
	`"\ud800"`: {poison: "the state.v has half of a character"}, `"a\udc00b"`: {poison: "the state.v has half of a character"}, `({"\ud800": 1})`: {poison: "has a name with half of a character"},
	"s": {poison: "the state.v is an object that it is inside of (a cycle)"}, "[[s]]": {poison: "the state.v.0.0 is an object that it is inside of"},
	"({toJSON() { return () => 1 }})": {poison: "the state.v is a function"}, "({toJSON() { throw new Error('no') }})": {poison: "the state.v cannot be written: Error: no"},
	"({get a() { throw new Error('no') }})":                                     {poison: "Error: no"},
	"(() => { let a = {}; for (let i = 0; i < 300; i++) a = {a}; return a })()": {poison: "nests deeper than 200"},
}

// Every kind of value is written as it is documented, or is poison that says where it is and
// what to write. Nothing becomes another value.
func TestValues(t *testing.T) {
	t.Parallel()
	handlers := map[string]outcome{}
	for value, want := range values {
		handlers["(s, e, m) => { s.v = "+value+" }"] = want
	}
	for handler, foldOne := range runners(t, handlers, script.Limits{}) {
		want := handlers[handler]
		got := foldOne(`{"a":[1.50]}`)
		if want.poison == "" && got != want.written || want.poison != "" && !(strings.HasPrefix(got, "poison: ") && strings.Contains(got, want.poison)) {
			t.Errorf("%s:\n%s, not\n%+v", handler, got, want)
		}
	}
}

// The event that brought a value which cannot be written is the one that is poison, and the
// document is made without it.
func TestPoisonIsTheEventThatBroughtIt(t *testing.T) {
	t.Parallel()
	f := load(t, `({E: (s, e) => { s.n = (s.n || 0) + 1; if (e.bad) s.v = new Map() }})`, script.Limits{})
	d := document("k", `E {}`, `E {"bad":1}`, `E {}`, `E {"bad":1}`, `E {}`)
	if err := f.Prepare(t.Context(), []fold.Document{d}); err != nil {
		t.Fatal(err)
	}
	poisons, out := made(t, f, d)
	if out != `{"n":3}` || len(poisons) != 2 || !strings.HasPrefix(poisons[0], "1: orders.js: the state.v is a Map") || !strings.HasPrefix(poisons[1], "3: ") {
		t.Errorf("%q, %s", poisons, out)
	}
}

// What one document leaves behind no other one sees, in whatever order they are made.
func TestNothingLeaksFromOneDocumentToAnother(t *testing.T) {
	t.Parallel()
	f := load(t, `let n = 0
		const kept = [], next = (() => { let i = 0; return () => ++i })()
		module.exports = {E: (s, e) => {
			globalThis.g = (globalThis.g || 0) + 1
			Object.prototype.p = (s.p || 0) + 1
			Array.prototype.map = () => 'mine'
			kept.push(e)
			s.v = [g, ({}).p, ++n, kept.length, next(), Math.random(), [1].map(x => x)]
			delete Object.prototype.p
		}}`, script.Limits{})
	first := run(t, f, `E {}`)
	if !strings.HasPrefix(first, `{"v":[1,1,1,1,1,0.`) {
		t.Fatal(first)
	}
	var all []fold.Document
	for range 50 {
		all = append(all, document("k", `E {}`))
	}
	if err := f.Prepare(t.Context(), all); err != nil {
		t.Fatal(err)
	}
	for _, d := range all {
		if _, out := made(t, f, d); out != first {
			t.Fatalf("%s, not %s", out, first)
		}
	}
}

// No clock, no zone, no language of the machine is to be seen.
func TestWhatAModuleSeesOfTheMachine(t *testing.T) {
	t.Setenv("TZ", "Asia/Kathmandu")
	t.Setenv("LANG", "de_DE.UTF-8")
	f := load(t, `({E: s => { s.v = [new Date(0).toString(), new Date(2020, 0, 1).getTime(), new Date('2020-01-01T00:00:00').getTime(), new Date(0).getTimezoneOffset(),
		['z', 'ä', 'a'].sort((a, b) => a.localeCompare(b)).join(''), 1234.5.toLocaleString(), typeof Intl, typeof process, typeof require, Date.now()] }})`, script.Limits{})
	want := `{"v":["Thu Jan 01 1970 00:00:00 GMT+0000 (UTC)",1577836800000,1577836800000,0,"aäz","1234.5","undefined","undefined","undefined",0]}`
	if got := run(t, f, `E {}`); got != want {
		t.Errorf("%s, not\n%s", got, want)
	}
}

// Tasks that a handler leaves are done before the next event.
func TestTasksOfAHandler(t *testing.T) {
	t.Parallel()
	f := load(t, `({E: s => { (async () => { await 0; s.late = (s.late || 0) + 1; await 0; s.later = s.late })() }, P: async_ => Promise.resolve({})})`, script.Limits{})
	if got := run(t, f, `E {}`, `E {}`); got != `{"late":2,"later":2}` {
		t.Error(got)
	}
	if got := run(t, f, `P {}`); !strings.Contains(got, `the handler of "P" returned a Promise`) {
		t.Error(got)
	}
}

func TestModulesThatAreRefused(t *testing.T) {
	t.Parallel()
	for source, want := range map[string]string{
		"module.exports = {\n  A: (s => {}\n}":                            "m.js:3:1: Unexpected token }",
		"({A: s => { let x = }})":                                         "m.js:1:21: Unexpected token }",
		"export default {A: s => { let x = }}":                            "m.js:1:35: Unexpected token }",
		"let a\nlet a\nexports.A = s => {}":                               "m.js:2:5: ",
		"module.exports = {}":                                             "m.js:1:1: exports no handlers",
		"module.exports = {$init: () => ({})}":                            "m.js:1:1: exports no handlers",
		"module.exports = {\n  B: s => {},\n  A: 1}":                      "m.js:3:6: A is not a function",
		"module.exports = 1":                                              "not an object",
		"module.exports = {\n  A: async (s, e) => { s.n = 1 }}":           "m.js:2:6: the handler A is async, or a generator",
		"module.exports = {\n  async A(s, e) { s.n = 1 }}":                "m.js:2:",
		"const h = {B() {}}\nexports.A = function*(s) {}":                 "m.js:2:13: the handler A is async, or a generator",
		"async function A() {}\nmodule.exports = {A}":                     "m.js:2:19: the handler A is async, or a generator",
		"\nthrow new Error('early')":                                      "early at m.js:2",
		"module.exports = {$innit: () => 1}":                              "m.js:1:27: unknown $innit",
		"require('fs')":                                                   "require is not defined",
		"for (;;);":                                                       "it takes more than 50ms of processor time",
		"/^(a+)+$(?=x)?/.test('a'.repeat(50) + '!'); exports.A = s => {}": "m.js:1:1: loading it was stopped: it takes more than 50ms of processor time",
		"exports.A = s => 10n ** 10000000000n":                            "m.js:1:1: loading it was stopped: it takes more than 50ms of processor time", // while it is compiled
		"JSON.parse('['.repeat(3e7))":                                     "stopped: ",                                                                   // by time or by depth, whichever is used up first
		"exports.A = s => {}\n//# sourceMappingURL=/etc/passwd":           "",
	} {
		_, err := script.New("m.js", source, script.Limits{Call: 50_000_000})
		if want == "" && err == nil {
			continue
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, nothing of %q", source, err, want)
		}
	}
}
