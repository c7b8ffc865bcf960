package spelling

import (
	"encoding/json"
	"slices"
	"testing"
)

func definition(t *testing.T, mappings, settings string) Definition {
	t.Helper()
	var d Definition
	if err := json.Unmarshal([]byte(`{"Mappings":`+mappings+`,"Settings":`+settings+`}`), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// What a target made of a definition is not drift, and what was changed later is.
func TestDrift(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		want, made, now string
		drift           []string
	}{
		"nothing": {`{"properties":{"a":{"type":"keyword"}}}`, `{"properties":{"a":{"type":"keyword"}}}`, `{"properties":{"a":{"type":"keyword"}}}`, nil},
		"a text as a list": {
			`{"properties":{"a":{"type":"text","copy_to":"b"}}}`, `{"properties":{"a":{"type":"text","copy_to":["b"]}}}`,
			`{"properties":{"a":{"type":"text","copy_to":["b"]}}}`, nil,
		},
		"a text as a list that is changed": {
			`{"properties":{"a":{"type":"text","copy_to":"b"}}}`, `{"properties":{"a":{"type":"text","copy_to":["b"]}}}`,
			`{"properties":{"a":{"type":"text","copy_to":["b","c"]}}}`,
			[]string{`mappings.properties.a.copy_to is ["b","c"], not ["b"]`},
		},
		"a name with dots below which something is changed": {
			`{"dynamic":false,"properties":{"a.b":{"type":"keyword"}}}`, `{"dynamic":"false","properties":{"a":{"properties":{"b":{"type":"keyword"}}}}}`,
			`{"dynamic":"false","properties":{"a":{"properties":{"b":{"type":"keyword","ignore_above":5}}}}}`,
			[]string{`mappings.properties.a.properties.b.ignore_above is 5; nothing was asked for`},
		},
		"a field that is gone": {`{"properties":{"a":{"type":"keyword"}}}`, `{"properties":{"a":{"type":"keyword"}}}`, `{}`, []string{`mappings.properties.a.type is not there; "keyword" was asked for`}},
		"a field that a document brought": {
			`{"properties":{"a":{"type":"object"}}}`, `{"properties":{"a":{"type":"object"}}}`,
			`{"properties":{"a":{"properties":{"x":{"type":"long"}}},"n":{"type":"long"}}}`, nil,
		},
		"a field that no document may bring": {
			`{"dynamic":"strict","properties":{"a":{"properties":{"b":{"type":"long"}}}}}`, `{"dynamic":"strict","properties":{"a":{"properties":{"b":{"type":"long"}}}}}`,
			`{"dynamic":"strict","properties":{"a":{"properties":{"b":{"type":"long"},"c":{"type":"text","norms":false}}}}}`,
			[]string{`mappings.properties.a.properties.c was added; it was not asked for`},
		},
		"an object that takes them below one that does not": {
			`{"dynamic":"false","properties":{"a":{"dynamic":"true","type":"object"}}}`, `{"dynamic":"false","properties":{"a":{"type":"object","dynamic":"true"}}}`,
			`{"dynamic":"false","properties":{"a":{"dynamic":"true","properties":{"x":{"type":"long"}}}}}`, nil,
		},
		"another dynamic": {`{}`, `{}`, `{"dynamic":"false"}`, []string{`mappings.dynamic is "false"; nothing was asked for`}},
		"another field of a field": {
			`{"properties":{"a":{"type":"text"}}}`, `{"properties":{"a":{"type":"text"}}}`, `{"properties":{"a":{"type":"text","fields":{"raw":{"type":"keyword"}}}}}`,
			[]string{`mappings.properties.a.fields.raw.type is "keyword"; nothing was asked for`},
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			want, made, now := definition(t, c.want, `{}`), definition(t, c.made, `{}`), definition(t, c.now, `{}`)
			if got := Of(want, made, nil).Drift(want, made, nil); len(got) > 0 {
				t.Errorf("right after it was made: %q", got)
			}
			if got := Of(want, made, nil).Drift(want, now, nil); !slices.Equal(got, c.drift) {
				t.Errorf("drift %q, want %q", got, c.drift)
			}
		})
	}
}

func TestDriftOfSettings(t *testing.T) {
	t.Parallel()
	want := definition(t, `{}`, `{"index.number_of_shards":"2","index.number_of_routing_shards":4,"index.auto_expand_replicas":"0-1","index.number_of_replicas":1,"index.refresh_interval":"5s","index.gc_deletes":null}`)
	made := definition(t, `{}`, `{"index.number_of_shards":"2","index.auto_expand_replicas":"false","index.number_of_replicas":"0","index.refresh_interval":"-1"}`)
	due := map[string]json.RawMessage{"index.auto_expand_replicas": nil, "index.number_of_replicas": nil, "index.refresh_interval": nil}
	sealed := definition(t, `{}`, `{"index.number_of_shards":"2","index.auto_expand_replicas":"0-1","index.number_of_replicas":"0","index.refresh_interval":"5s"}`)
	s := Of(want, made, due)
	if got := append(s.Drift(want, made, due), s.Drift(want, sealed, nil)...); len(got) > 0 {
		t.Errorf("as it was made, and as it was sealed: %q", got)
	}
	changed := definition(t, `{}`, `{"index.number_of_shards":"2","index.auto_expand_replicas":"0-1","index.number_of_replicas":"0","index.refresh_interval":"9s"}`)
	if got := s.Drift(want, changed, nil); !slices.Equal(got, []string{`settings.index.refresh_interval is "9s", not "5s"`}) {
		t.Errorf("drift %q", got)
	}
}
