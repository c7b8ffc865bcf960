package script

import (
	"fmt"
	"strings"
	"testing"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
)

// atoms are values, and how they are written; "" for those that cannot be.
var atoms = []struct{ value, written string }{
	{"null", "null"},
	{"true", "true"},
	{"0", "0"},
	{"-0", "0"},
	{"-1.5", "-1.5"},
	{"1e300", "1e+300"},
	{"2n ** 70n", "1180591620717411303424"},
	{`"a\u2028\"\\"`, "\"a\u2028\\\"\\\\\""},
	{`""`, `""`},
	{"new Date(0)", `"1970-01-01T00:00:00.000Z"`},
	{"new String('s')", `"s"`},
	{"e", `{"n":12345678901234567890.10}`},
	{"e.n", "12345678901234567890.10"},
	{"({toJSON: () => [1]})", "[1]"},
	{"new (class { a = 1; get b() { return 2 } })", `{"a":1}`},
	{"NaN", ""},
	{"-1 / 0", ""},
	{"() => 1", ""},
	{"Symbol()", ""},
	{"new Map()", ""},
	{"new Set()", ""},
	{"/x/", ""},
	{"new Date(NaN)", ""},
	{"[,1]", ""},
	{"[undefined]", ""},
	{"new Uint8Array(1)", ""},
	{"Promise.resolve()", ""},
	{"new Proxy({}, {})", ""},
	{`"\udc00"`, ""},
	{"Object.create({a: 1})", ""},
	{"s", ""},
	{"m", ""},
	{"new Error('x')", ""},
	{"globalThis", ""},
	{"({[Symbol()]: 1})", ""},
	{"(function* () {})()", ""},
	{"new WeakMap()", ""},
	{"new ArrayBuffer(1)", ""},
	{"Object(1n)", ""},
	{"Math", ""},
	{"Object.assign([], {x: 1})", ""},
}

// expression makes a value of a program of bytes, how it is written, and whether it can be.
func expression(program *[]byte, depth int) (value, written string, plain bool) {
	next := func(n int) int {
		if len(*program) == 0 {
			return 0
		}
		b := (*program)[0]
		*program = (*program)[1:]
		return int(b) % n
	}
	kind := next(4)
	if depth > 6 || kind < 2 {
		a := atoms[next(len(atoms))]
		return a.value, a.written, a.written != ""
	}
	plain = true
	var values, texts []string
	for i := range next(4) {
		v, text, ok := expression(program, depth+1)
		plain = plain && ok
		if kind == 3 {
			v, text = fmt.Sprintf("k%d: %s", i, v), fmt.Sprintf(`"k%d":%s`, i, text)
		}
		values, texts = append(values, v), append(texts, text)
	}
	if kind == 2 {
		return "[" + strings.Join(values, ", ") + "]", "[" + strings.Join(texts, ",") + "]", plain
	}
	if next(2) == 1 { // what is undefined is left out
		values = append(values, "u: undefined")
	}
	return "({" + strings.Join(values, ", ") + "})", "{" + strings.Join(texts, ",") + "}", plain
}

// FuzzValues puts values of all kinds into each other: they are written as they are, or not at
// all.
func FuzzValues(f *testing.F) {
	for i := range atoms {
		f.Add([]byte{3, 2, 0, byte(i), 2, 1, 0, byte(i), 1})
	}
	w := newWatchdog(Limits{}.withDefaults())
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 200 {
			return
		}
		value, written, plain := expression(&program, 0)
		m, err := compile("m.js", "exports.E = (s, e, m) => { s.v = "+value+" }", w)
		if err != nil {
			t.Fatalf("%s: %v", value, err)
		}
		r, err := newRealm(m, w)
		if err != nil {
			t.Fatal(err)
		}
		if poison := r.apply(&fold.Event{Type: "E", Value: []byte(`{"n":12345678901234567890.10}`)}); poison != nil {
			t.Fatalf("%s: %s", value, poison.Reason)
		}
		out, _, poison := r.write(nil, 1<<20)
		switch {
		case plain && (poison != nil || string(out) != `{"v":`+written+"}"):
			t.Errorf("%s: %s, %v, not %s", value, out, poison, written)
		case !plain && (poison == nil || !strings.HasPrefix(poison.Reason, "m.js: the state.v")):
			t.Errorf("%s: %s, %v", value, out, poison)
		case plain:
			if err := rawjson.Check(out); err != nil {
				t.Errorf("%s: %s: %v", value, out, err)
			}
		}
	})
}
