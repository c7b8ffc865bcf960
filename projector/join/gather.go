package join

import (
	"bytes"
	"cmp"
	"slices"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
	"humpty/sources"
)

// Order is a field by whose values an array is sorted: numbers as numbers before texts.
type Order struct {
	Field []string
	Desc  bool
}

// Gather makes a source of {"rows": …} of one whose documents are found by their own
// fields, as a child is by its parent's key: by the values at the paths of by, all of them,
// sorted by order and then by their keys, or the one there is.
func Gather(states *fold.Source, by [][]string, one bool, order []Order) *fold.Source {
	return &fold.Source{
		Inner: states, Decoder: byFields(by), Memory: states.Memory, Dir: states.Dir, Letters: states.Letters,
		New: func() (fold.Fold, error) { return &arrayFold{one: one, order: order}, nil },
	}
}

// byFields gives each document as [its key, itself] under the key of its fields.
type byFields [][]string

func (by byFields) Decode(r *sources.Record, d *fold.Decoded) error {
	var key []byte
	for i, path := range by {
		var ok bool
		if key, ok = AppendKey(key, rawjson.Get(r.Value, path...), i, len(by)); !ok {
			return fold.ErrFiltered // belongs to no parent
		}
	}
	value := append(rawjson.AppendQuoted([]byte{'['}, r.Key), ',')
	d.Key, d.Value = key, append(append(value, r.Value...), ']')
	return nil
}

// arrayFold makes the rows of one parent.
type arrayFold struct {
	one   bool
	order []Order
	rows  []arrayRow
}

type arrayRow struct{ key, value []byte }

func (g *arrayFold) Begin(_, _ []byte) error {
	g.rows = g.rows[:0]
	return nil
}

func (g *arrayFold) Apply(e *fold.Event) error {
	g.rows = append(g.rows, arrayRow{rawjson.Get(e.Value, "0"), rawjson.Get(e.Value, "1")})
	return nil
}

func (g *arrayFold) Append(dst []byte) ([]byte, bool, error) {
	if g.one && len(g.rows) > 1 {
		return dst, false, &fold.Poison{Reason: "more than one belongs to it: write many: true"}
	}
	slices.SortFunc(g.rows, func(a, b arrayRow) int {
		for _, o := range g.order {
			c := compare(rawjson.Get(a.value, o.Field...), rawjson.Get(b.value, o.Field...))
			if o.Desc {
				c = -c
			}
			if c != 0 {
				return c
			}
		}
		return compare(a.key, b.key)
	})
	dst = append(dst, `{"rows":`...)
	if !g.one {
		dst = append(dst, '[')
	}
	for i, r := range g.rows {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = append(dst, r.value...)
	}
	if !g.one {
		dst = append(dst, ']')
	}
	return append(dst, '}'), true, nil
}

// compare orders values: what is missing and null last, as in SQL; numbers, and texts that
// are whole numbers, by their size.
func compare(a, b []byte) int {
	if a, b := isNull(a), isNull(b); a || b {
		return cmp.Compare(boolToInt(a), boolToInt(b))
	}
	x, xIs := numericText(a)
	y, yIs := numericText(b)
	if xIs && yIs {
		if c := compareNumbers(x, y); c != 0 {
			return c
		}
	}
	if xIs != yIs {
		return cmp.Compare(boolToInt(yIs), boolToInt(xIs))
	}
	return bytes.Compare(a, b)
}

func boolToInt(b bool) int {
	if b {
		return 1
	}
	return 0
}

func isNull(v []byte) bool { return len(v) == 0 || rawjson.Kind(v) == 'n' }
