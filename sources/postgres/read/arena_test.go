package read

import (
	"encoding/binary"
	"math"
	"strings"
	"testing"

	"humpty/sources"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/query"
)

// TestNotUTF8IsRejected: what JSON cannot say rejects the document, and names the column.
func TestNotUTF8IsRejected(t *testing.T) {
	t.Parallel()
	s := newRowArena(&query.Tree{}, nil)
	bad, err := s.rejectValue(&query.Node{}, &query.Column{Label: "public.t.v"}, pgjson.ErrNotUTF8)
	if err != nil || !strings.Contains(s.reasons[bad], "public.t.v: bytes that are no valid UTF-8") {
		t.Errorf("%v, %q", err, s.reasons)
	}
}

// BenchmarkLine decodes one order line of 16 columns, as they come from the server.
func BenchmarkLine(b *testing.B) {
	ints := func(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
	num := []byte{0, 2, 0, 1, 0, 0, 0, 2, 0, 3, 0x12, 0x34}
	n := &query.Node{Shape: benchLine(), Relation: &query.Relation{Label: "line"}}
	row := []byte{0, 10}
	for i, c := range []struct {
		oid   uint32
		value []byte
	}{
		{pgjson.OIDInt8, binary.BigEndian.AppendUint64(nil, 123456)},
		{pgjson.OIDInt4, ints(7)},
		{pgjson.OIDInt4, ints(98765)},
		{pgjson.OIDNumeric, num},
		{pgjson.OIDNumeric, num},
		{pgjson.OIDText, []byte("N")},
		{pgjson.OIDDate, ints(3000)},
		{pgjson.OIDTimestampTZ, binary.BigEndian.AppendUint64(nil, 700_000_000_123_456)},
		{pgjson.OIDFloat8, binary.BigEndian.AppendUint64(nil, math.Float64bits(1.25))},
		{pgjson.OIDText, []byte("egular courts above the silent packages")},
	} {
		n.Fields = append(n.Fields, query.Field{Name: pgjson.FieldName("l_column"), Col: i})
		n.Cols = append(n.Cols, query.Column{Encode: encoderOf(b, c.oid)})
		row = append(binary.BigEndian.AppendUint32(row, uint32(len(c.value))), c.value...)
	}
	s := newRowArena(query.NewTree(&query.RootNode{Node: n, Version: -1}, []*query.Node{n}, pgjson.NewTypes(false)), nil)
	s.byNode[0].groups = []group{{}}
	b.ReportAllocs()
	b.SetBytes(int64(len(row)))
	for i := 0; b.Loop(); i++ {
		if i%1000 == 0 {
			s.byNode[0].reset(1 << 20)
			s.byNode[0].groups = append(s.byNode[0].groups, group{})
		}
		_, own, err := s.split(n, row, 0)
		if err == nil {
			err = s.add(n, row, own, 0, 0)
		}
		if err != nil {
			b.Fatal(err)
		}
	}
}

func benchLine() *sources.Shape { return &sources.Shape{Name: "lines", From: "lineitem", Many: true} }
