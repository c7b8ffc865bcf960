package sinks_test

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"humpty/sinks"
)

// TestSwapTo compares the actions, as JSON, with what they must be.
func TestSwapTo(t *testing.T) {
	t.Parallel()
	yes, no := true, false
	generations := []sinks.Generation{{Name: "orders-1"}, {Name: "orders-2"}}
	for name, test := range map[string]struct {
		serving  []sinks.Serving
		concrete *sinks.ConflictingIndex
		replace  string
		want     string
	}{
		"first start": {
			want: `[{"verb":"add","index":"orders-2","alias":"orders"}]`,
		},
		"from the old": {
			serving: []sinks.Serving{{Index: "orders-1", Ours: true}},
			want:    `[{"verb":"remove","index":"orders-1","alias":"orders"},{"verb":"add","index":"orders-2","alias":"orders"}]`,
		},
		"from an index of somebody else": {
			serving: []sinks.Serving{{Index: "legacy"}},
			want:    `[{"verb":"remove","index":"legacy","alias":"orders"},{"verb":"add","index":"orders-2","alias":"orders"}]`,
		},
		"from several": {
			serving: []sinks.Serving{{Index: "a", Filter: []byte(`{"x":1}`)}, {Index: "b", WriteIndex: &yes}},
			want: `[{"verb":"remove","index":"a","alias":"orders"},{"verb":"remove","index":"b","alias":"orders"},` +
				`{"verb":"add","index":"orders-2","alias":"orders"}]`,
		},
		"from several, with the same properties": {
			serving: []sinks.Serving{{Index: "a", Filter: []byte(`{"x":1}`), SearchRouting: "7"}, {Index: "b", Filter: []byte(`{"x":1}`), SearchRouting: "7", WriteIndex: &yes}},
			want: `[{"verb":"remove","index":"a","alias":"orders"},{"verb":"remove","index":"b","alias":"orders"},` +
				`{"verb":"add","index":"orders-2","alias":"orders","filter":{"x":1},"search_routing":"7"}]`,
		},
		"already there": {
			serving: []sinks.Serving{{Index: "orders-2", Ours: true, WriteIndex: &no}},
			want:    `[{"verb":"add","index":"orders-2","alias":"orders","is_write_index":false}]`,
		},
		"there beside another": {
			serving: []sinks.Serving{{Index: "orders-1"}, {Index: "orders-2"}},
			want:    `[{"verb":"remove","index":"orders-1","alias":"orders"},{"verb":"add","index":"orders-2","alias":"orders"}]`,
		},
		"with properties": {
			serving: []sinks.Serving{{Index: "orders-1", WriteIndex: &yes, Filter: []byte(`{"term":{"tenant":7}}`), Routing: "7"}},
			want: `[{"verb":"remove","index":"orders-1","alias":"orders"},` +
				`{"verb":"add","index":"orders-2","alias":"orders","is_write_index":true,"filter":{"term":{"tenant":7}},"routing":"7"}]`,
		},
		"replacing the trap": {
			concrete: &sinks.ConflictingIndex{Index: "orders", Documents: 3},
			replace:  "orders",
			want:     `[{"verb":"remove_index","index":"orders"},{"verb":"add","index":"orders-2","alias":"orders"}]`,
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := sinks.Survey{Alias: "orders", Serving: test.serving, Conflict: test.concrete, Generations: generations}
			change, err := s.SwapTo("orders-2", test.replace)
			if err != nil {
				t.Fatal(err)
			}
			got, err := json.Marshal(change.Actions)
			if err != nil {
				t.Fatal(err)
			}
			if string(got) != test.want || change.Alias != "orders" || change.To != "orders-2" {
				t.Errorf("alias %s to %s by\n%s\nwant\n%s", change.Alias, change.To, got, test.want)
			}
		})
	}
}

func TestSwapToRefuses(t *testing.T) {
	t.Parallel()
	s := sinks.Survey{Alias: "orders", Generations: []sinks.Generation{{Name: "orders-1"}}}
	if _, err := s.SwapTo("orders-9", ""); err == nil || !strings.Contains(err.Error(), "orders-9 is not a generation of alias orders") {
		t.Errorf("a name that is no generation: %v", err)
	}
	s.Conflict = &sinks.ConflictingIndex{Index: "orders", Documents: 42, UUID: "u"}
	for _, replace := range []string{"", "other"} {
		_, err := s.SwapTo("orders-1", replace)
		var trap *sinks.NameConflict
		if !errors.As(err, &trap) || trap.To != "orders-1" || trap.Index != *s.Conflict {
			t.Fatalf("replacing %q: %v, want the trap", replace, err)
		}
		if !strings.Contains(err.Error(), `"orders", with 42 documents`) {
			t.Errorf("the trap's message does not say what is there: %v", err)
		}
	}
}

func TestSurvey(t *testing.T) {
	t.Parallel()
	s := sinks.Survey{
		Serving:     []sinks.Serving{{Index: "a"}},
		Generations: []sinks.Generation{{Name: "x", Meta: sinks.Meta{Epoch: 3}}, {Name: "y", Meta: sinks.Meta{Epoch: 2}}},
	}
	if s.Live() != "a" || s.Epoch() != 3 {
		t.Errorf("live %q, epoch %d; want a, 3", s.Live(), s.Epoch())
	}
	s.Serving = append(s.Serving, sinks.Serving{Index: "b"})
	if s.Live() != "" {
		t.Errorf("two indices serve, but %q alone is said to be live", s.Live())
	}
}
