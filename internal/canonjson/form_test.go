package canonjson_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/big"
	"math/rand/v2"
	"strings"
	"testing"

	"humpty/internal/canonjson"
)

func form(t testing.TB, text string, ignore ...string) string {
	t.Helper()
	paths, err := canonjson.ParsePaths(ignore)
	if err != nil {
		t.Fatal(err)
	}
	f := canonjson.Form{Ignore: paths}
	out, err := f.Of([]byte(text))
	if err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return string(out)
}

func TestOneForm(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct{ text, want string }{
		{` { "b" : 1 , "a" : [ ] , "" : { } } `, `{"":{},"a":[],"b":1}`},
		{`{"a":{"z":1,"y":{"d":1,"c":2}}}`, `{"a":{"y":{"c":2,"d":1},"z":1}}`},
		{`[true,false,null]`, `[true,false,null]`},
		{`"\u0041\/\"\\\b\f\n\r\t\u00e9\u20ac"`, `"A/\"\\\u0008\u000c\u000a\u000d\u0009é€"`},
		{`"\ud83d\ude00"`, `"😀"`},
		{`"\uD83D"`, `"\ud83d"`},
		{`"\ude00\ud83d"`, `"\ude00\ud83d"`},
		{`"\ud83d\u0041"`, `"\ud83dA"`},
		{`{"\u0061":1,"A":2}`, `{"A":2,"a":1}`},
		{`{"a":1,"b":0,"a":2}`, `{"a":1,"a":2,"b":0}`},
		{`{"a":2,"b":0,"a":1}`, `{"a":2,"a":1,"b":0}`},
		{`[1,1.0,1e0,10e-1,0.1e+1,100e-2,1.00000]`, `[1,1,1,1,1,1,1]`},
		{`[0,-0,0.0,-0.0e5,0e99999999999999999999]`, `[0,0,0,0,0]`},
		{`[100,1e2,0.0001,-1230,12.30]`, `[1e2,1e2,1e-4,-123e1,123e-1]`},
		{`[12345678901234567890123456789.01]`, `[1234567890123456789012345678901e-2]`},
		{`[9007199254740993,9007199254740992]`, `[9007199254740993,9007199254740992]`},
		{`1e1000000000000000000000`, `1e1000000000000000000000`},
		{`1e0000000000000000000000000001`, `1e1`},
	} {
		if got := form(t, tc.text); got != tc.want {
			t.Errorf("form of %s is %s, want %s", tc.text, got, tc.want)
		}
		if again := form(t, tc.want); again != tc.want {
			t.Errorf("form of the form %s is %s", tc.want, again)
		}
	}
}

func TestDifferentStaysDifferent(t *testing.T) {
	t.Parallel()
	for _, pair := range [][2]string{
		{`{"a":null}`, `{}`},
		{`{"a":1}`, `{"a":"1"}`},
		{`[1,2]`, `[2,1]`},
		{`{"a":1,"a":2}`, `{"a":2}`},
		{`{"a":1,"a":2}`, `{"a":2,"a":1}`},
		{`0.1`, `0.10000000000000000001`},
		{`1`, `-1`},
		{`1`, `10`},
		{`"a"`, `"a "`},
		{`"é"`, `"e\u0301"`},
		{`{"a":{"b":1},"c":2}`, `{"a":{"b":1,"c":2}}`},
		{`["a,b"]`, `["a","b"]`},
		{`1e1000000000000000000000`, `1e1000000000000000000001`},
	} {
		if a, b := form(t, pair[0]), form(t, pair[1]); a == b {
			t.Errorf("%s and %s have the same form %s", pair[0], pair[1], a)
		}
	}
}

func TestIgnoredFields(t *testing.T) {
	t.Parallel()
	for _, tc := range []struct {
		ignore     []string
		text, want string
	}{
		{[]string{"views"}, `{"views":7,"a":1}`, `{"a":1}`},
		{[]string{"views"}, `{"views":7}`, `{}`},
		{[]string{"views"}, `{"a":{"views":7}}`, `{"a":{"views":7}}`},
		{[]string{"lines.note"}, `{"lines":[{"note":1,"n":1},[{"note":2}],3]}`, `{"lines":[{"n":1},[{}],3]}`},
		{[]string{"a.b"}, `{"a.b":1,"a":{"b":{"c":1},"d":2}}`, `{"a":{"d":2}}`},
		{[]string{"a", "b.c"}, `{"a.x":1,"b":{"c":1},"b.c":2,"b.d":3}`, `{"b":{},"b.d":3}`},
		{[]string{`q"uote`}, `{"q\"uote":1,"x":2}`, `{"x":2}`},
	} {
		if got := form(t, tc.text, tc.ignore...); got != tc.want {
			t.Errorf("without %v %s is %s, want %s", tc.ignore, tc.text, got, tc.want)
		}
	}
	if _, err := canonjson.ParsePaths([]string{"a..b"}); err == nil || !strings.Contains(err.Error(), `"a..b" is no path`) {
		t.Errorf("error %v", err)
	}
}

func TestDeepDocumentIsRefused(t *testing.T) {
	t.Parallel()
	deep := strings.Repeat("[", 1001) + strings.Repeat("]", 1001)
	if _, err := new(canonjson.Form).Of([]byte(deep)); err == nil || !strings.Contains(err.Error(), "deeper than 1000") {
		t.Errorf("error %v", err)
	}
}

// naive is the form as somebody would write it without care for speed.
func naive(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k := range v {
			v[k] = naive(v[k])
		}
	case []any:
		for i := range v {
			v[i] = naive(v[i])
		}
	case json.Number:
		r, ok := new(big.Rat).SetString(v.String())
		if !ok {
			return v.String()
		}
		return "number " + r.String()
	}
	return v
}

// twice tells whether an object of the text has a key twice, or a number is too large to compute with.
func unusual(text []byte) bool {
	d := json.NewDecoder(bytes.NewReader(text))
	d.UseNumber()
	var walk func() bool
	walk = func() bool {
		token, err := d.Token()
		if err != nil {
			return true
		}
		odd := false
		switch token := token.(type) {
		case json.Number:
			_, e, _ := strings.Cut(strings.ToLower(token.String()), "e")
			return len(e) > 4
		case json.Delim:
			seen := map[any]bool{}
			for d.More() {
				if token == '{' {
					key, _ := d.Token()
					odd = odd || seen[key]
					seen[key] = true
				}
				odd = walk() || odd
			}
			_, _ = d.Token()
		}
		return odd
	}
	return walk()
}

func same(a, b []byte) bool {
	side := func(text []byte) string {
		d := json.NewDecoder(bytes.NewReader(text))
		d.UseNumber()
		var v any
		_ = d.Decode(&v)
		out, _ := json.Marshal(naive(v))
		return string(out)
	}
	return side(a) == side(b)
}

func FuzzForm(f *testing.F) {
	for _, pair := range [][2]string{
		{`{"a":1.0,"b":[{"c":"\u0041"}]}`, `{"b":[{"c":"A"}],"a":1}`},
		{`{"a":1,"a":2}`, `{"a":2}`},
		{`-0`, `0.0e-7`},
		{`"\ud83d\ude00"`, `"😀"`},
		{`[1,`, `01`},
		{"\"\x7f\xff\"", "\"\n\""},
	} {
		f.Add([]byte(pair[0]), []byte(pair[1]))
	}
	f.Fuzz(func(t *testing.T, a, b []byte) {
		var one, two canonjson.Form
		formA, err := one.Of(a)
		if valid := json.Valid(a); valid != (err == nil) && bytes.Count(a, []byte("[")) < 500 && bytes.Count(a, []byte("{")) < 500 {
			t.Fatalf("%q: valid %v, error %v", a, valid, err)
		}
		if err != nil {
			return
		}
		if !json.Valid(formA) {
			t.Fatalf("the form of %q is no JSON: %q", a, formA)
		}
		if again, err := two.Of(formA); err != nil || !bytes.Equal(again, formA) {
			t.Fatalf("the form of %q is %q, and that one's %q (%v)", a, formA, again, err)
		}
		formB, err := two.Of(b)
		if err != nil || unusual(a) || unusual(b) || !plainText(a) || !plainText(b) {
			return
		}
		if equal := bytes.Equal(formA, formB); equal != same(a, b) {
			t.Fatalf("%q and %q have equal forms: %v; forms %q, %q", a, b, equal, formA, formB)
		}
	})
}

// plainText leaves out what encoding/json replaces while decoding: broken UTF-8, half pairs.
func plainText(text []byte) bool {
	return bytes.Equal(bytes.ToValidUTF8(text, nil), text) && !bytes.Contains(bytes.ToLower(text), []byte(`\ud`)) && !bytes.Contains(text, []byte("�"))
}

// respell writes a value in another way: order, white space, escapes, numbers.
func respell(rng *rand.Rand, v any) string {
	gap := []string{"", " ", "\n\t"}[rng.IntN(3)]
	switch v := v.(type) {
	case map[string]any:
		var members []string
		for k, e := range v {
			members = append(members, gap+respell(rng, k)+gap+":"+respell(rng, e))
		}
		rng.Shuffle(len(members), func(i, j int) { members[i], members[j] = members[j], members[i] })
		return "{" + strings.Join(members, ",") + gap + "}"
	case []any:
		var items []string
		for _, e := range v {
			items = append(items, respell(rng, e))
		}
		return "[" + strings.Join(items, ","+gap) + "]"
	case string:
		var b strings.Builder
		b.WriteByte('"')
		for _, r := range v {
			if r < ' ' || r == '"' || r == '\\' || r < 0x10000 && rng.IntN(4) == 0 {
				fmt.Fprintf(&b, `\u%04x`, r)
			} else {
				b.WriteRune(r)
			}
		}
		b.WriteByte('"')
		return b.String()
	case json.Number:
		if s := v.String(); !strings.ContainsAny(s, ".eE") {
			return s + []string{"", ".0", "e0", ".00E+0", "000e-3"}[rng.IntN(5)]
		}
		return v.String() + []string{"", "0", "00e0"}[rng.IntN(3)]
	}
	out, _ := json.Marshal(v)
	return string(out)
}

func TestRespelledDocumentsHaveOneForm(t *testing.T) {
	t.Parallel()
	rng := rand.New(rand.NewPCG(1, 10))
	var value func(depth int) any
	value = func(depth int) any {
		switch n := rng.IntN(9); {
		case n < 2 && depth < 4:
			m := map[string]any{}
			for range rng.IntN(30) {
				m[fmt.Sprint("k\"é", rng.IntN(100))] = value(depth + 1)
			}
			return m
		case n == 2 && depth < 4:
			return []any{value(depth + 1), value(depth + 1)}
		case n < 5:
			return json.Number(fmt.Sprintf("%d", rng.Int64()-1<<62))
		case n == 5:
			return json.Number(fmt.Sprintf("-%d.%d", rng.IntN(1000), rng.IntN(1000)))
		case n == 6:
			return nil
		default:
			return strings.Repeat("a\n/😀", rng.IntN(4))
		}
	}
	for range 300 {
		v := value(0)
		a, b := respell(rng, v), respell(rng, v)
		if fa, fb := form(t, a), form(t, b); fa != fb {
			t.Fatalf("%s\n%s\nhave the forms\n%s\n%s", a, b, fa, fb)
		}
	}
}

func TestDiffNamesTheFields(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("x", 200)
	for _, tc := range []struct{ want, have, text string }{
		{`{"a":1,"b":2}`, `{"b":2.0,"a":3}`, "a: want 1, have 3"},
		{`{"a":1}`, `{"a":1,"z":null}`, "z: want nothing, have null"},
		{`{"lines":[{"p":1},{"p":2}]}`, `{"lines":[{"p":1},{"p":3}]}`, "lines[1].p: want 2, have 3"},
		{`{"lines":[1,2]}`, `{"lines":[1]}`, "lines[1]: want 2, have nothing"},
		{`{"a":{"b":1}}`, `{"a":7}`, `a: want {"b":1}, have 7`},
		{`{"t":"` + long + `y` + long + `"}`, `{"t":"` + long + `z` + long + `"}`, "…" + long[:30] + "y" + long[:49] + "…, have"},
		{`{"a":1}`, `{"a":`, `document: want {"a":1}, have {"a":`},
		{`{"views":1,"a":1}`, `{"views":2,"a":2}`, "a: want 1, have 2"},
	} {
		paths, _ := canonjson.ParsePaths([]string{"views"})
		changes := canonjson.Diff([]byte(tc.want), []byte(tc.have), paths, 5)
		if len(changes) != 1 || !strings.Contains(changes[0].String(), tc.text) {
			t.Errorf("%s against %s: %v, want %s", tc.want, tc.have, changes, tc.text)
		}
	}
	if changes := canonjson.Diff([]byte(`[1,2,3,4]`), []byte(`[5,6,7,8]`), nil, 2); len(changes) != 2 {
		t.Errorf("%d changes, at most 2 were asked for", len(changes))
	}
}

func BenchmarkForm(b *testing.B) {
	var lines []string
	for i := range 4 {
		lines = append(lines, fmt.Sprintf(`{"l_orderkey":4711,"l_linenumber":%d,"l_quantity":%d.00,"l_extendedprice":12345.67,"l_comment":"carefully packed, never opened, sent back","l_shipdate":"1996-03-13","l_shipmode":"TRUCK","l_returnflag":"N"}`, i, i*7))
	}
	text := []byte(`{"o_orderkey":4711,"o_totalprice":173665.47,"o_orderdate":"1996-01-02","o_comment":"` + strings.Repeat("nstructions sleep ", 20) + `","customer":{"c_name":"Customer#000000370","n_name":"FRANCE"},"lines":[` + strings.Join(lines, ",") + `]}`)
	var f canonjson.Form
	b.SetBytes(int64(len(text)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := f.Of(text); err != nil {
			b.Fatal(err)
		}
	}
}
