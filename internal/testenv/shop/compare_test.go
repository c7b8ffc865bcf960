package shop

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"humpty/internal/testenv/devstack"
	"humpty/sinks"
)

// shelf is an index in memory.
type shelf []sinks.Document

func (s shelf) Scan(_ context.Context, part, parts int, fn func([]sinks.Document) error) error {
	var mine []sinks.Document
	for i, d := range s {
		if i%parts == part {
			mine = append(mine, d)
		}
	}
	return fn(mine)
}

func (s shelf) put(id, body string) shelf {
	return append(slices.Clone(s), sinks.Document{ID: []byte(id), Body: []byte(body)})
}

func TestCompare(t *testing.T) {
	t.Parallel()
	dsn := devstack.Postgres(t)
	for _, shape := range []Shape{Plain, Rich} {
		if _, err := Seed(t.Context(), dsn, Options{Orders: 500, Shape: shape}); err != nil {
			t.Fatal(err)
		}
		var right shelf
		err := eachDocument(t.Context(), dsn, Oracle(shape), func(id, document []byte) error {
			right = right.put(string(id), string(document))
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
		at := slices.IndexFunc(right, func(d sinks.Document) bool { return string(d.ID) == "97" })
		changed := strings.Replace(string(right[at].Body), `"o_orderkey":97`, `"o_orderkey":97.01`, 1)
		for name, test := range map[string]struct {
			index shelf
			want  Comparison
		}{
			"equal":      {right, Comparison{Expected: 500, Found: 500}},
			"other form": {reordered(right), Comparison{Expected: 500, Found: 500}},
			"missing":    {slices.Delete(slices.Clone(right), at, at+1), Comparison{Expected: 500, Found: 499, Missing: 1, First: []string{"97 is missing"}}},
			"different":  {slices.Delete(slices.Clone(right), at, at+1).put("97", changed), Comparison{Expected: 500, Found: 500, Different: 1, First: []string{"97 is different"}}},
			"extra":      {right.put("11", "{}"), Comparison{Expected: 500, Found: 501, Extra: 1, First: []string{"11 is extra"}}},
			"twice":      {right.put("97", string(right[at].Body)), Comparison{Expected: 500, Found: 501, Extra: 1, First: []string{"97 is there twice"}}},
			"empty":      {nil, Comparison{Expected: 500, Missing: 500}},
		} {
			got, err := Compare(t.Context(), dsn, shape, test.index, nil)
			if name == "empty" {
				got.First = nil
			}
			if err != nil || fmt.Sprint(got) != fmt.Sprint(test.want) || got.Equal() != (name == "equal" || name == "other form") {
				t.Errorf("%s, %s: %+v (%v), want %+v", shape, name, got, err, test.want)
			}
		}
		if _, err := Compare(t.Context(), dsn, shape, right.put("4", "{"), nil); err == nil || !strings.Contains(err.Error(), "document 4 of the index: not JSON") {
			t.Errorf("%s: broken document: %v", shape, err)
		}
	}
}

func TestCompareWithoutShop(t *testing.T) {
	t.Parallel()
	_, err := Compare(t.Context(), devstack.Postgres(t), Plain, shelf{}, nil)
	if err == nil || !strings.Contains(err.Error(), "ask the oracle") || !strings.Contains(err.Error(), "shop.orders") {
		t.Errorf("no schema: %v", err)
	}
}

// reordered writes the same values in another order and with other escapes.
func reordered(s shelf) shelf {
	var other shelf
	for _, d := range s {
		var fields map[string]json.RawMessage // marshalled in the order of names
		if err := json.Unmarshal(d.Body, &fields); err != nil {
			panic(err)
		}
		body, err := json.Marshal(fields)
		if err != nil {
			panic(err)
		}
		other = other.put(string(d.ID), strings.ReplaceAll(string(body), "é", `\u00e9`))
	}
	return other
}
