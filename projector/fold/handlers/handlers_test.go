package handlers_test

import (
	"errors"
	"strings"
	"testing"

	"humpty/projector/fold"
	"humpty/projector/fold/handlers"
)

// run folds events (values; "" is a tombstone; "TYPE {…}" has a type) of one key.
func run(t *testing.T, f fold.Fold, document string, events ...string) string {
	t.Helper()
	var doc []byte
	if document != "" {
		doc = []byte(document)
	}
	if err := f.Begin([]byte("k"), doc); err != nil {
		t.Fatal(err)
	}
	for _, text := range events {
		e := &fold.Event{Key: []byte("k"), Deleted: text == ""}
		if kind, value, ok := strings.Cut(text, " {"); ok && !strings.HasPrefix(text, "{") {
			e.Type, text = kind, "{"+value
		}
		if !e.Deleted {
			e.Value = []byte(text)
		}
		err := f.Apply(e)
		var poison *fold.Poison
		switch {
		case errors.As(err, &poison):
			return "poison: " + poison.Reason
		case errors.Is(err, fold.ErrFiltered):
		case err != nil:
			t.Fatal(err)
		}
	}
	out, alive, err := f.Append([]byte("before"))
	if err != nil {
		t.Fatal(err)
	}
	if !alive {
		return "none"
	}
	return strings.TrimPrefix(string(out), "before")
}

func TestLatest(t *testing.T) {
	t.Parallel()
	f, err := handlers.NewLatest()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		document string
		events   []string
		want     string
	}{
		{"", nil, "none"},
		{"", []string{`{"a":1}`, `{"b":1.50}`}, `{"b":1.50}`},
		{"", []string{`{"a":1}`, ``}, "none"},
		{"", []string{`{"a":1}`, ``, `{"c":3}`}, `{"c":3}`},
		{`{"a":1}`, nil, `{"a":1}`},
		{`{"a":1}`, []string{``}, "none"},
		{"", []string{"{\n \"a\" : \"b c\"\n}"}, `{"a":"b c"}`},
		{"", []string{`[1]`}, "poison: the value is not a JSON object"},
	} {
		if got := run(t, f, c.document, c.events...); got != c.want {
			t.Errorf("%s %q: %s, not %s", c.document, c.events, got, c.want)
		}
	}
}

// The examples of RFC 7386, and documents that are taken apart and put together.
func TestMerge(t *testing.T) {
	t.Parallel()
	f, err := handlers.NewMerge()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		document string
		events   []string
		want     string
	}{
		{`{"a":"b"}`, []string{`{"a":"c"}`}, `{"a":"c"}`},
		{`{"a":"b"}`, []string{`{"b":"c"}`}, `{"a":"b","b":"c"}`},
		{`{"a":"b"}`, []string{`{"a":null}`}, `{}`},
		{`{"a":"b","b":"c"}`, []string{`{"a":null}`}, `{"b":"c"}`},
		{`{"a":["b"]}`, []string{`{"a":"c"}`}, `{"a":"c"}`},
		{`{"a":"c"}`, []string{`{"a":["b"]}`}, `{"a":["b"]}`},
		{`{"a":{"b":"c"}}`, []string{`{"a":{"b":"d","c":null}}`}, `{"a":{"b":"d"}}`},
		{`{"a":[{"b":"c"}]}`, []string{`{"a":[1]}`}, `{"a":[1]}`},
		{`{"e":null}`, []string{`{"a":1}`}, `{"e":null,"a":1}`},
		{`{}`, []string{`{"a":{"bb":{"ccc":null}}}`}, `{"a":{"bb":{}}}`},
		{`{"a":"foo"}`, []string{`{"a":{"b":1}}`}, `{"a":{"b":1}}`},
		{"", []string{`{"a":{"b":1,"x":null}}`, `{"a":{"c":12.30}}`, `{"a":{"b":null}}`, `{"a":{"b":2}}`}, `{"a":{"b":2,"c":12.30}}`},
		{"", []string{`{"a":1}`, ``, `{"b":1}`}, `{"b":1}`},
		{"", []string{`{"a":1}`, ``}, "none"},
		{"", []string{`{"\u0061":1}`, `{"a":2}`}, `{"\u0061":2}`},
		{"", []string{`7`}, "poison: the value is not a JSON object"},
		{`{"a":1,"a":2}`, []string{`{"b":3}`}, `{"a":2,"b":3}`},
	} {
		if got := run(t, f, c.document, c.events...); got != c.want {
			t.Errorf("%s %q: %s, not %s", c.document, c.events, got, c.want)
		}
	}
}

func TestHandlers(t *testing.T) {
	t.Parallel()
	p := func(s string) []string { return strings.Split(s, ".") }
	h := handlers.ByType{Types: map[string][]handlers.Step{
		"Placed": {
			{Do: handlers.Set, Field: p("status"), Value: []byte(`"placed"`)},
			{Do: handlers.Set, Field: p("customer.name"), From: p("who.name"), Optional: true},
			{Do: handlers.Set, Field: p("note"), From: p("note"), Optional: true},
			{Do: handlers.Set, Field: p("total"), Value: []byte("0")},
		},
		"Added":     {{Do: handlers.Upsert, Field: p("lines"), From: p("item"), By: "sku"}, {Do: handlers.Increment, Field: p("total"), From: p("item.price")}},
		"Tagged":    {{Do: handlers.Append, Field: p("tags"), From: p("tag")}},
		"Counted":   {{Do: handlers.Increment, Field: p("n"), Value: []byte("1")}},
		"Cleared":   {{Do: handlers.Unset, Field: p("customer.name")}, {Do: handlers.Unset, Field: p("nothing.here")}},
		"Patched":   {{Do: handlers.Merge}},
		"Patched2":  {{Do: handlers.Merge, Field: p("more.of"), From: p("it")}},
		"Cancelled": {{Do: handlers.Delete}},
	}}
	makeFold, err := h.New()
	if err != nil {
		t.Fatal(err)
	}
	f, err := makeFold()
	if err != nil {
		t.Fatal(err)
	}
	placed := `Placed {"who":{"name":"Ann"}}`
	for _, c := range []struct {
		events []string
		want   string
	}{
		{[]string{placed}, `{"status":"placed","customer":{"name":"Ann"},"total":0}`},
		{[]string{`Placed {"note":null}`}, `{"status":"placed","note":null,"total":0}`},
		{
			[]string{placed, `Added {"item":{"sku":"a","price":1.10}}`, `Added {"item":{"sku":"b","price":2}}`, `Added {"item":{"sku":"a","price":0.005,"q":3}}`},
			`{"status":"placed","customer":{"name":"Ann"},"total":3.105,"lines":[{"sku":"a","price":0.005,"q":3},{"sku":"b","price":2}]}`,
		},
		{[]string{`Tagged {"tag":"x"}`, `Tagged {"tag":{"y":1}}`}, `{"tags":["x",{"y":1}]}`},
		{[]string{`Counted {}`, `Counted {}`, `Counted {}`}, `{"n":3}`},
		{[]string{placed, `Cleared {}`}, `{"status":"placed","customer":{},"total":0}`},
		{[]string{placed, `Cleared {}`, placed}, `{"status":"placed","customer":{"name":"Ann"},"total":0}`},
		{[]string{`Patched {"a":{"b":1}}`, `Patched2 {"it":{"c":2}}`}, `{"a":{"b":1},"more":{"of":{"c":2}}}`},
		{[]string{placed, `Cancelled {}`}, "none"},
		{[]string{placed, `Cancelled {}`, `Counted {}`}, `{"n":1}`},
		{[]string{placed, ``}, "none"},
		{[]string{`Unheard {}`}, `poison: no handler for events of type "Unheard"`},
		{[]string{`Added {}`}, "poison: upsert lines: the event has no item"},
		{[]string{`Added {"item":{"price":1}}`}, "poison: upsert lines: the value is not an object with a member sku"},
		{[]string{`Added {"item":{"sku":"a","price":"1"}}`}, `poison: increment total: "1" is not a number`},
		{[]string{`Patched {"tags":1}`, `Tagged {"tag":1}`}, "poison: append tags: the field is not an array"},
		{[]string{`Patched {"n":"1"}`, `Counted {}`}, "poison: increment n: the field is not a number"},
		{[]string{`Patched {"n":9223372036854775807}`, `Counted {}`}, `{"n":9223372036854775808}`},
		{[]string{`Patched {"lines":[{"sku":"z"},7]}`, `Added {"item":{"sku":"z","price":-1e2}}`}, `{"lines":[{"sku":"z","price":-1e2},7],"total":-1e2}`},
	} {
		if got := run(t, f, "", c.events...); got != c.want {
			t.Errorf("%q:\n%s, not\n%s", c.events, got, c.want)
		}
	}
	h.Unknown = true
	if makeFold, err = h.New(); err != nil {
		t.Fatal(err)
	}
	if f, err = makeFold(); err != nil {
		t.Fatal(err)
	}
	if got := run(t, f, "", `Unheard {}`); got != "none" {
		t.Errorf("unknown types left out: %s", got)
	}
	wrong := handlers.ByType{Types: map[string][]handlers.Step{
		"A": {{Do: "sett", Field: p("a")}}, "B": {{Do: handlers.Set}}, "C": {{Do: handlers.Upsert, Field: p("a")}},
		"D": {{Do: handlers.Set, Field: p("a"), Value: []byte("x")}}, "E": {{Do: handlers.Set, Field: p("a"), Value: []byte("1"), From: p("a")}},
		"F": {{Do: handlers.Upsert, Field: p("l"), By: "a"}, {Do: handlers.Upsert, Field: p("l"), By: "b"}},
	}}
	_, err = wrong.New()
	for _, want := range []string{"A: step 1 (sett): unknown", "B: step 1 (set): it names no field", "C: step 1 (upsert): it does not say", "D: step 1 (set): its value is not JSON", "E: ", "F: step 2 (upsert): elements of l are told apart by a"} {
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%v has nothing of %q", err, want)
		}
	}
}

func TestReadHandlers(t *testing.T) {
	t.Parallel()
	h, err := handlers.Read([]byte(`{
		"Placed": [{"set": "status", "value": "placed"}, {"set": "customer.name", "from": "who.name"}, {"unset": "note"}],
		"Added": [{"upsert": "lines", "from": "item", "by": "sku"}, {"increment": "total", "from": "item.price"}, {"append": "tags", "value": 1}],
		"Cancelled": [{"delete": true}], "$any": [{"merge": ""}]}`))
	if err != nil {
		t.Fatal(err)
	}
	makeFold, err := h.New()
	if err != nil {
		t.Fatal(err)
	}
	f, err := makeFold()
	if err != nil {
		t.Fatal(err)
	}
	want := `{"status":"placed","customer":{"name":"Ann"},"lines":[{"sku":"a","price":2}],"total":2,"tags":[1],"x":1}`
	if got := run(t, f, "", `Placed {"who":{"name":"Ann"}}`, `Added {"item":{"sku":"a","price":2}}`, `Other {"x":1}`); got != want {
		t.Errorf("%s, not %s", got, want)
	}
	if got := run(t, f, "", `Other {"x":1}`, `Cancelled {}`); got != "none" {
		t.Error(got)
	}
	for text, want := range map[string]string{
		`[]`: "handlers", `{"A": [{"sett": "x"}]}`: `A: step 1: json: unknown field "sett"`, `{"A": [{"from": "x"}]}`: "A: step 1: it has 0 verbs",
		`{"A": [{"set": "x", "unset": "y"}]}`: "it has 2 verbs", `{"$unknown": 1}`: "can only be",
	} {
		if _, err := handlers.Read([]byte(text)); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, nothing of %q", text, err, want)
		}
	}
}
