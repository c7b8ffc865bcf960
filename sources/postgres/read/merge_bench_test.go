package read

import (
	"encoding/binary"
	"fmt"
	"math/rand/v2"
	"net"
	"strings"
	"testing"

	"humpty/sources"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/pgtest"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

const (
	mergedRoots     = 1000
	mergedLines     = 4 // of each
	mergedCustomers = 500
)

// BenchmarkMerge makes documents of pages of orders with four lines each and a customer in
// memory, out of the bytes that the server sends for them: all of the hot path but the
// socket. One operation is one document.
func BenchmarkMerge(b *testing.B) {
	p := mergedPage(b)
	w := writer{arena: p.rowArena}
	var out sources.Batch
	next := mergedRoots
	b.ReportAllocs()
	cpu := pgtest.OwnCPU()
	for b.Loop() {
		if next == mergedRoots {
			if err := p.read(nil, nil, mergedRoots+1, func(*query.Node, int) int { return 0 }); err != nil {
				b.Fatal(err)
			}
			if p.n != mergedRoots {
				b.Fatalf("%d documents on the page", p.n)
			}
			next = 0
			out.Reset()
		}
		out.Records = append(out.Records, document(&w, p, next, &out))
		next++
	}
	b.ReportMetric(float64((pgtest.OwnCPU()-cpu).Nanoseconds())/float64(b.N), "cpu-ns/op")
	b.SetBytes(int64(len(out.Records[0].Value)))
}

// mergedPage reads the same page again and again, from no server.
func mergedPage(b *testing.B) *page {
	root := &query.RootNode{Node: &query.Node{Index: 0, Shape: &sources.Shape{From: "orders"}}, Version: -1}
	customer := &query.Node{Index: 1, Shape: &sources.Shape{Name: "customer", One: true}, Parent: root.Node, Fetch: query.FromMemory, Link: query.Link{ParentPairs: []query.JoinPair{{Col: 1}}}}
	lines := &query.Node{Index: 2, Shape: &sources.Shape{Name: "lines", Many: true}, Parent: root.Node, Fetch: query.ByRange, Link: query.Link{ParentPairs: []query.JoinPair{{Col: 0, Cast: "int8"}}}}
	order, line := rowsOf(b, root.Node, "i8 i4 c n d t15 t15 i4 t60"), rowsOf(b, lines, "i8 i4 i4 i4 n n n n c c d d d t17 t7 t28")
	buyer := rowsOf(b, customer, "i4 t18 t10")
	root.Key = []query.KeyColumn{{Name: "c0", SQL: "c0", Cast: "int8", Type: pgjson.OIDInt8, Text: pgjson.TexterOf(pgjson.OIDInt8)}}
	root.ID, root.Include = root.Key, []*query.Node{customer, lines}
	t := query.NewTree(root, []*query.Node{root.Node, customer, lines}, pgjson.NewTypes(false))

	memory := newRowArena(t, nil)
	for i := range mergedCustomers {
		row := buyer(nil, i)
		_, own, err := memory.split(customer, row, 0)
		if err != nil {
			b.Fatal(err)
		}
		l := &memory.byNode[customer.Index]
		g := int(l.keys.add(own[0].Of(row)))
		l.groups = append(l.groups, group{})
		if err := memory.add(customer, row, own, g, 0); err != nil {
			b.Fatal(err)
		}
	}
	var stream []byte
	stream = answer(stream, mergedRoots, func(i int) []byte { return order(nil, i) })
	stream = answer(stream, mergedRoots*mergedLines, func(i int) []byte {
		return line([][]byte{binary.BigEndian.AppendUint64(nil, uint64(i/mergedLines))}, i)
	})
	source := &replayConn{stream: stream}
	return newPage(t, session.OverConn(source), memory, 16<<20)
}

// rowsOf gives n columns of the kinds named, and returns what makes its rows: with lead
// fields before its own.
func rowsOf(b *testing.B, n *query.Node, kinds string) func(lead [][]byte, i int) []byte {
	n.Relation = &query.Relation{Label: n.Shape.Name, Kind: 'r'}
	n.Prefix, n.Path = pgjson.FieldName(n.Shape.Name), n.Shape.Name
	random := rand.New(rand.NewPCG(1, 2))
	var values []func(i int) []byte
	for kind := range strings.FieldsSeq(kinds) {
		encode, value := kindOf(b, kind, random)
		name := fmt.Sprintf("l_%s_%d", kind, len(n.Cols))
		n.Fields = append(n.Fields, query.Field{Name: pgjson.FieldName(name), Col: len(n.Cols)})
		n.Cols = append(n.Cols, query.Column{SQL: name, Label: name, Encode: encode})
		values = append(values, value)
	}
	return func(lead [][]byte, i int) []byte {
		fields := lead
		for _, value := range values {
			fields = append(fields, value(i))
		}
		row := binary.BigEndian.AppendUint16(nil, uint16(len(fields)))
		for _, f := range fields {
			row = append(binary.BigEndian.AppendUint32(row, uint32(len(f))), f...)
		}
		return row
	}
}

func kindOf(b *testing.B, kind string, random *rand.Rand) (pgjson.Encoder, func(i int) []byte) {
	switch kind[0] {
	case 'i':
		if kind == "i8" {
			return encoderOf(b, pgjson.OIDInt8), func(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }
		}
		return encoderOf(b, pgjson.OIDInt4), func(i int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(i%mergedCustomers)) }
	case 'n':
		return encoderOf(b, pgjson.OIDNumeric), func(int) []byte {
			return []byte{0, 3, 0, 1, 0, 0, 0, 2, 0, byte(random.IntN(10)), 3, byte(random.IntN(200)), 0x12, 0x34}
		}
	case 'd':
		return encoderOf(b, pgjson.OIDDate), func(int) []byte { return binary.BigEndian.AppendUint32(nil, uint32(random.IntN(9000))) }
	}
	size := 1
	if kind[0] == 't' {
		_, _ = fmt.Sscan(kind[1:], &size)
	}
	return encoderOf(b, pgjson.OIDText), func(int) []byte {
		text := make([]byte, size+random.IntN(size))
		for i := range text {
			text[i] = "furiously special deposits sleep"[random.IntN(32)]
		}
		return text
	}
}

// answer is what the server says to a COPY of so many rows.
func answer(stream []byte, rows int, row func(i int) []byte) []byte {
	message := func(body []byte) {
		stream = append(binary.BigEndian.AppendUint32(append(stream, 'd'), uint32(len(body)+4)), body...)
	}
	stream = append(stream, "H\x00\x00\x00\x07\x01\x00\x00"...)
	head := append([]byte("PGCOPY\n\xff\r\n\x00"), 0, 0, 0, 0, 0, 0, 0, 0)
	for i := range rows {
		message(append(head, row(i)...))
		head = nil
	}
	message([]byte{0xff, 0xff})
	return append(stream, "c\x00\x00\x00\x04C\x00\x00\x00\x0bCOPY 1\x00Z\x00\x00\x00\x05I"...)
}

// replayConn is a server that gives the same answers again and again, whatever it is asked.
type replayConn struct {
	net.Conn
	stream []byte
	at     int
}

func (r *replayConn) Write(p []byte) (int, error) { return len(p), nil }

func (r *replayConn) Read(p []byte) (int, error) {
	n := copy(p, r.stream[r.at:])
	r.at = (r.at + n) % len(r.stream)
	return n, nil
}
