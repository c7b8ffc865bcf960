package decode_test

import (
	"errors"
	"strings"
	"testing"

	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/sources"
)

func TestDebezium(t *testing.T) {
	t.Parallel()
	const schema = `{"schema":{"type":"struct","fields":[{"field":"payload"}]},"payload":`
	for _, c := range []struct {
		key, value, want string // key, op, value; or a part of the reason
	}{
		{`{"id":7}`, `{"before":null,"after":{"id":7,"price":12.30},"source":{"lsn":1},"op":"c","ts_ms":1}`, `7 c {"id":7,"price":12.30}`},
		{schema + `{"id":7}}`, schema + `{"before":null,"after":{"id":7},"op":"r"}}`, `7 r {"id":7}`},
		{`{"a":1,"b":"x:y\\z"}`, `{"after":{"a":1},"op":"u","before":{"a":0}}`, `1:x\:y\\z u {"a":1}`},
		{`{"id":"a:b"}`, `{"after":{},"op":"u"}`, `a:b u {}`},
		{`7`, `{"after":{},"op":"c"}`, `7 c {}`},
		{`{"id":7}`, `{"before":{"id":7},"after":null,"op":"d"}`, `7 d deleted`},
		{`{"id":7}`, ``, `7  deleted`},
		{`{"id":7}`, schema + `null}`, `7  deleted`},
		{`{"id":7}`, `{"op":"m","message":{}}`, "filtered"},
		{``, `{"op":"t"}`, "TRUNCATE"},
		{`{"id":7}`, `{"id":7,"price":1}`, "not a Debezium envelope"},
		{`{"id":7}`, `[]`, "not a Debezium envelope"},
		{`{"id":7}`, `{"op":"c","after":null}`, "op c without a row"},
		{`{"id":7}`, `{"op":`, "not JSON"},
		{``, `{"op":"c","after":{}}`, "there is no key"},
		{`Struct{id=1}`, `{"op":"c","after":{}}`, "JsonConverter"},
		{`{"id":{"x":1}}`, `{"op":"c","after":{}}`, "id is an object"},
		{`{"id":7}`, `{"op":"u","after":{"id":7,"text":"__debezium_unavailable_value"}}`, "column text is not in the event"},
		{`{"id":7}`, `{"op":"u","after":{"id":7,"list":["__debezium_unavailable_value"]}}`, "column list is not in the event"},
		{`{"id":7}`, `{"op":"u","after":{"id":7,"b":"X19kZWJleml1bV91bmF2YWlsYWJsZV92YWx1ZQ=="}}`, "column b is not in the event"},
		{`{"id":7}`, `{"op":"u","after":{"id":7,"text":"about __debezium_unavailable_value"}}`, `7 u {"id":7,"text":"about __debezium_unavailable_value"}`},
	} {
		r := sources.Record{Key: []byte(c.key), Value: []byte(c.value), Deleted: c.value == ""}
		if c.key == "" {
			r.Key = nil
		}
		if got := decoded(t, &decode.Debezium{}, &r); got != c.want && (strings.ContainsAny(c.want, "{") || !strings.Contains(got, c.want)) {
			t.Errorf("%s %s: %s, not %s", c.key, c.value, got, c.want)
		}
	}
	r := sources.Record{Value: []byte(`{"op":"u","after":{"no":{"id":"k"},"t":"?"}}`)}
	byPath := &decode.Debezium{Key: decode.Locator{Path: []string{"no", "id"}}}
	if got := decoded(t, byPath, &r); got != `k u {"no":{"id":"k"},"t":"?"}` {
		t.Error(got)
	}
	byPath.Placeholder = "?"
	if got := decoded(t, byPath, &r); !strings.Contains(got, "column t") {
		t.Error(got)
	}
}

func decoded(t *testing.T, by fold.Decoder, r *sources.Record) string {
	t.Helper()
	var d fold.Decoded
	err := by.Decode(r, &d)
	var poison *fold.Poison
	switch {
	case errors.As(err, &poison):
		return poison.Reason
	case errors.Is(err, fold.ErrFiltered):
		return "filtered"
	case err != nil:
		t.Fatal(err)
	case d.Deleted:
		return string(d.Key) + " " + string(d.Type) + " deleted"
	}
	return string(d.Key) + " " + string(d.Type) + " " + string(d.Value)
}
