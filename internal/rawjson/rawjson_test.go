package rawjson_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"unicode/utf8"

	"humpty/internal/rawjson"
)

// seeds has JSON and what only looks like it.
var seeds = []string{
	`{}`, `[]`, `null`, `true`, `false`, `0`, `-0`, `-1.5e+10`, `12345678901234567890.123`, `""`, `"a\"b\\\u00e4\ud83d\ude00\n"`,
	` { "a" : [ 1 , { "b" : "c" } , [ ] ] , "a\u0062" : null , "x,}]" : "{[,:" } `, `{"a":1,"a":2}`, `{"ä":"ß"}`,
	``, ` `, `{`, `[`, `"`, `"\`, `"\u12`, `"\x"`, `{"a"}`, `{"a":}`, `{"a":1,}`, `[1,]`, `[1 2]`, `01`, `-`, `1.`, `1e`, `.5`, `+1`,
	`nul`, `truex`, `{} {}`, "\"\x01\"", "\"\xff\"", `{a:1}`, `'a'`, `"\ud800"`, `NaN`, strings.Repeat("[", 400) + strings.Repeat("]", 400),
}

func FuzzAgainstTheStandardLibrary(f *testing.F) {
	for _, s := range seeds {
		f.Add([]byte(s))
	}
	f.Fuzz(func(t *testing.T, p []byte) {
		if strings.Count(string(p), "[")+strings.Count(string(p), "{") > 400 {
			t.Skip()
		}
		err := rawjson.Check(p)
		if valid := json.Valid(p) && utf8.Valid(p); (err == nil) != valid {
			t.Fatalf("%q: %v, the standard library says %v", p, err, valid)
		}
		if err != nil {
			return
		}
		var want any
		if err := decode(p, &want); err != nil {
			t.Skip() // numbers out of range of what they are held against
		}
		v := rawjson.Trim(p)
		if got := rebuild(t, v); !reflect.DeepEqual(got, want) {
			t.Errorf("%q: walked %v, not %v", p, got, want)
		}
		var compact bytes.Buffer
		if err := json.Compact(&compact, p); err != nil || compact.String() != string(rawjson.AppendCompact(nil, v)) {
			t.Errorf("%q: compact %q", p, rawjson.AppendCompact(nil, v))
		}
	})
}

func decode(p []byte, into any) error {
	d := json.NewDecoder(bytes.NewReader(p))
	d.UseNumber()
	return d.Decode(into)
}

// rebuild makes of a value what the standard library makes.
func rebuild(t *testing.T, v []byte) any {
	t.Helper()
	w := rawjson.Into(v)
	switch rawjson.Kind(v) {
	case '{':
		m := map[string]any{}
		for w.Next() {
			name := string(rawjson.AppendUnquoted(nil, w.Name))
			m[name] = rebuild(t, w.Value)
		}
		for name := range m {
			if got := rebuild(t, rawjson.Get(v, name)); !reflect.DeepEqual(got, m[name]) {
				t.Errorf("%q at %q is %v, not %v", v, name, got, m[name])
			}
		}
		return m
	case '[':
		a := []any{}
		for w.Next() {
			a = append(a, rebuild(t, w.Value))
		}
		return a
	case '"':
		s, _ := rawjson.Text(v)
		var again string
		if err := json.Unmarshal(rawjson.AppendQuoted(nil, s), &again); err != nil || again != string(s) {
			t.Errorf("%q quoted again is %q, %v", s, again, err)
		}
		return string(s)
	case 't':
		return true
	case 'f':
		return false
	case 'n':
		return nil
	}
	return json.Number(v)
}

func TestGet(t *testing.T) {
	t.Parallel()
	const v = `{"a": {"b": [10, {"c": "x"}], "b\u0063": 1}, "d": null, "e": 1, "e": 2}`
	if err := rawjson.Check([]byte(v)); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]string{
		"a.b.0": "10", "a.b.1.c": `"x"`, "a.b.2": "", "a.bc": "1", "d": "null", "d.x": "", "e": "2", "x": "", "a.b.x": "", "": v,
	} {
		var steps []string
		if path != "" {
			steps = strings.Split(path, ".")
		}
		if got := string(rawjson.Get([]byte(v), steps...)); got != want {
			t.Errorf("%s: %q, not %q", path, got, want)
		}
	}
}

func TestCheckSaysWhere(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"a":x}`: "byte 5", "{\"a\":\"\x01\"}": "control character", `{"a":1`: "ends too early", `{} x`: "byte 3",
		strings.Repeat("[", 600): "nested deeper", `{"a":"\q"}`: "escape", "\"\xff\"": "UTF-8",
	} {
		if err := rawjson.Check([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, nothing of %q", text, err, want)
		}
	}
}

const event = `{"type":"ItemAdded","order_id":4711,"item":{"sku":"B-00042","quantity":3,"price":"12.99","tags":["red","large"]},"at":"2026-11-24T06:00:00.000Z","source":{"app":"shop","version":"3.14.15","host":"web-17"},"note":"left at the door, as always"}`

func BenchmarkCheck(b *testing.B) {
	p := []byte(event)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if err := rawjson.Check(p); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkGet(b *testing.B) {
	p := []byte(event)
	b.SetBytes(int64(len(p)))
	b.ReportAllocs()
	for b.Loop() {
		if rawjson.Get(p, "item", "sku") == nil {
			b.Fatal("nothing")
		}
	}
}
