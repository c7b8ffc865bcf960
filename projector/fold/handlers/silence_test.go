package handlers_test

import (
	"fmt"
	"strings"
	"testing"

	"humpty/projector/fold"
	"humpty/projector/fold/handlers"
)

// folded folds events by handlers that are given as JSON.
func folded(t *testing.T, text string, events ...string) string {
	t.Helper()
	h, err := handlers.Read([]byte(text))
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
	return run(t, f, "", events...)
}

// A list of steps that cannot mean what it says is refused when it is read.
func TestHandlersThatAreRefused(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		`{"A": [{"delete": true}, {"set": "x", "value": 1}]}`: "A: step 2 (set): it stands behind delete",
		`{"A": [{"delete": true}, {"delete": true}]}`:         "A: step 2 (delete): it stands behind delete",
		`{"$any": [{"delete": true}, {"merge": ""}]}`:         "any: step 2 (merge): it stands behind delete",
		`{"A": [{"delete": false}]}`:                          "A: step 1: delete can only be true",
		`{"A": [{"delete": true, "value": 1}]}`:               "A: step 1 (delete): it takes no value",
		`{"A": [{"unset": "x", "from": "y"}]}`:                "A: step 1 (unset): it takes no value",
		`{"A": [{"set": "x", "from": "y", "by": "z"}]}`:       "A: step 1 (set): by is for upsert",
		`{"A": [{"set": "x..y", "value": 1}]}`:                "A: step 1 (set): a name in x..y is empty",
		`{"A": [{"set": "x", "from": "y."}]}`:                 "A: step 1 (set): a name in y. is empty",
		`{"A": [{"set": "x", "value": 1, "optional": true}]}`: "A: step 1 (set): optional is for from",
		`{"A": [{"merge": "x", "value": 1}]}`:                 "A: step 1 (merge): its value is no object",
		`{"A": [{"increment": "x", "value": "1"}]}`:           `A: step 1 (increment): its value "1" is no number`,
		`{"A": [{"upsert": "x", "by": "k", "value": {}}]}`:    "A: step 1 (upsert): its value has no k",
		`{"A": [{"set": "x", "value": 1}], "A": []}`:          "A is there twice",
		`{"A": [{"set": "x", "set": "y", "value": 1}]}`:       "A: step 1: set is there twice",
		`{"A": null}`:                  "A: its steps are no list",
		`{"A": [null]}`:                "A: step 1: it is no object",
		`{"$Any": [{"delete": true}]}`: "unknown $Any",
		`{"$any": null}`:               "$any: its steps are no list",
		`null`:                         "handlers: they are no object",
		`{}`:                           "there are none",
	} {
		h, err := handlers.Read([]byte(text))
		if err == nil {
			_, err = h.New()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, nothing of %q", text, err, want)
		}
	}
}

// Elements are told apart by the value of their key, however it is spelled.
func TestUpsertComparesValues(t *testing.T) {
	t.Parallel()
	const text = `{"I": [{"upsert": "l", "from": "i", "by": "k"}], "S": [{"merge": ""}]}`
	for _, c := range []struct{ one, other string }{
		{`"Käse"`, `"K\u00e4se"`},
		{`"a/b"`, `"a\/b"`},
		{`"\ud83e\uddc0"`, `"🧀"`},
		{`1`, `1.0`},
		{`1`, `10e-1`},
		{`100`, `1e2`},
		{`-0`, `0`},
		{`12345678901234567890.1`, `12345678901234567890.10`},
		{`[{"a":1,"b":2}]`, `[{"b": 2.0, "a": 1}]`},
	} {
		for _, first := range []string{
			fmt.Sprintf(`I {"i":{"k":%s,"n":1}}`, c.one),
			fmt.Sprintf(`S {"l":[{"k":%s,"n":1}]}`, c.one), // as a document of before has it
		} {
			got := folded(t, text, first, fmt.Sprintf(`I {"i":{"k":%s,"n":2}}`, c.other))
			if want := fmt.Sprintf(`{"l":[{"k":%s,"n":2}]}`, c.other); got != want {
				t.Errorf("%s, then %s: %s, not %s", first, c.other, got, want)
			}
		}
	}
	for _, c := range []struct{ one, other string }{{`1`, `"1"`}, {`true`, `"true"`}, {`"a"`, `"A"`}, {`12345678901234567890`, `12345678901234567891`}, {`"é"`, `"e\u0301"`}} {
		got := folded(t, text, fmt.Sprintf(`I {"i":{"k":%s}}`, c.one), fmt.Sprintf(`I {"i":{"k":%s}}`, c.other))
		if want := fmt.Sprintf(`{"l":[{"k":%s},{"k":%s}]}`, c.one, c.other); got != want {
			t.Errorf("%s and %s: %s, not %s", c.one, c.other, got, want)
		}
	}
}

// What an event has not, and a path through something that is no object, is poison.
func TestPathsThatAreNotThere(t *testing.T) {
	t.Parallel()
	const placed = `P {"who":"Ann","tags":["x"],"n":{"m":1}}`
	for _, c := range []struct{ step, event, want string }{
		{`{"set": "a", "from": "nmae"}`, `E {"name":1}`, "poison: set a: the event has no nmae"},
		{`{"set": "a", "from": "who.nmae"}`, `E {"who":{"name":1}}`, "poison: set a: the event has no who.nmae"},
		{`{"append": "a", "from": "tga"}`, `E {"tag":1}`, "poison: append a: the event has no tga"},
		{`{"set": "a", "from": "who.name"}`, `E {"who":"Ann"}`, "poison: set a: who of the event is neither an object nor an array, so there is no who.name"},
		{`{"set": "a", "from": "who.name", "optional": true}`, `E {"who":"Ann"}`, "poison: set a: who of the event is neither an object nor an array, so there is no who.name"},
		{`{"set": "a", "from": "l.x"}`, `E {"l":[1]}`, "poison: set a: l of the event is an array, and x is no number of an element"},
		{`{"set": "a", "from": "l.0"}`, `E {"l":[1]}`, `{"who":"Ann","tags":["x"],"n":{"m":1},"note":null,"a":1}`},
		{`{"set": "a", "from": "l.1"}`, `E {"l":[1]}`, "poison: set a: the event has no l.1"},
		{`{"set": "a", "from": "who.name", "optional": true}`, `E {"who":null}`, `{"who":"Ann","tags":["x"],"n":{"m":1},"note":null}`},
		{`{"set": "a", "from": "who", "optional": true}`, `E {}`, `{"who":"Ann","tags":["x"],"n":{"m":1},"note":null}`},
		{`{"increment": "n.m", "from": "by", "optional": true}`, `E {}`, `{"who":"Ann","tags":["x"],"n":{"m":1},"note":null}`},
		{`{"set": "a", "from": "who"}`, `E {"who":null}`, `{"who":"Ann","tags":["x"],"n":{"m":1},"note":null,"a":null}`},
		{`{"set": "who.name", "value": 1}`, `E {}`, "poison: set who.name: who of the document is no object"},
		{`{"unset": "who.name"}`, `E {}`, "poison: unset who.name: who of the document is no object"},
		{`{"append": "tags.0.x", "value": 1}`, `E {}`, "poison: append tags.0.x: tags of the document is no object"},
		{`{"increment": "n.m.o", "value": 1}`, `E {}`, "poison: increment n.m.o: n.m of the document is no object"},
		{`{"upsert": "who.l", "by": "k", "value": {"k":1}}`, `E {}`, "poison: upsert who.l: who of the document is no object"},
		{`{"merge": "who.l", "value": {"k":1}}`, `E {}`, "poison: merge who.l: who of the document is no object"},
		{`{"merge": "who", "value": {"k":1}}`, `E {}`, `{"who":{"k":1},"tags":["x"],"n":{"m":1},"note":null}`},
		{`{"set": "note.by", "value": 1}`, `E {}`, `{"who":"Ann","tags":["x"],"n":{"m":1},"note":{"by":1}}`},
		{`{"unset": "note.by"}`, `E {}`, `{"who":"Ann","tags":["x"],"n":{"m":1},"note":null}`},
		{`{"unset": "none.by"}`, `E {}`, `{"who":"Ann","tags":["x"],"n":{"m":1},"note":null}`},
		{`{"merge": "note", "value": {"k":1}}`, `E {}`, `{"who":"Ann","tags":["x"],"n":{"m":1},"note":{"k":1}}`},
		{`{"merge": "n", "from": "it"}`, `E {"it":7}`, "poison: merge n: the value is not an object"},
		{`{"merge": "n", "from": "it"}`, `E {"it":null}`, "poison: merge n: the value is not an object"},
		{`{"upsert": "l", "from": "it", "by": "k"}`, `E {"it":{"k":null}}`, "poison: upsert l: the value is not an object with a member k"},
		{`{"upsert": "l", "from": "it", "by": "k"}`, `E {"it":[1]}`, "poison: upsert l: the value is not an object with a member k"},
	} {
		got := folded(t, fmt.Sprintf(`{"P": [{"merge": ""}, {"set": "note", "value": null}], "E": [%s]}`, c.step), placed, c.event)
		if got != c.want {
			t.Errorf("%s of %s:\n%s, not\n%s", c.step, c.event, got, c.want)
		}
	}
}

// A value that is no object has no members to take.
func TestValuesThatAreNoObjects(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ step, value, want string }{
		{`{"set": "a", "from": "x"}`, `7`, "poison: the value is not a JSON object"},
		{`{"set": "a", "from": "x", "optional": true}`, `"x"`, "poison: the value is not a JSON object"},
		{`{"set": "a", "from": "x"}`, `null`, "poison: the value is not a JSON object"},
		{`{"set": "a", "from": "0"}`, `[1]`, "poison: the value is not a JSON object"},
		{`{"merge": ""}`, `7`, "poison: merge : the value is not an object"},
		{`{"set": "a"}`, `7`, `{"a":7}`},
		{`{"set": "a", "value": 1}`, `7`, `{"a":1}`},
	} {
		h, err := handlers.Read(fmt.Appendf(nil, `{"$any": [%s]}`, c.step))
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
		if got := run(t, f, "", c.value); got != c.want {
			t.Errorf("%s of %s: %s, not %s", c.step, c.value, got, c.want)
		}
	}
}

// A stored document that is no object cannot be gone on with.
func TestDocumentsThatAreNoObjects(t *testing.T) {
	t.Parallel()
	h, err := handlers.Read([]byte(`{"$any": [{"merge": ""}]}`))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := h.New()
	if err != nil {
		t.Fatal(err)
	}
	for name, makeFold := range map[string]func() (fold.Fold, error){"latest": handlers.NewLatest, "merge": handlers.NewMerge, "handlers": steps} {
		f, err := makeFold()
		if err != nil {
			t.Fatal(err)
		}
		if err := f.Begin([]byte("k"), []byte(`[1]`)); err == nil || !strings.Contains(err.Error(), "not an object") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
