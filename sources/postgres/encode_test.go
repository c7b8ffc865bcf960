package postgres

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"math"
	"net"
	"strings"
	"testing"
	"unicode/utf8"
)

// everyEncoder has one of each kind, under the number that the fuzzer picks it by.
func everyEncoder() []encoder {
	ts := &types{byOID: map[uint32]*Type{}}
	var all []encoder
	for _, oid := range []uint32{
		oidBool, oidBytea, oidInt2, oidInt4, oidInt8, oidOID, oidFloat4, oidFloat8, oidNumeric, oidText, oidUUID, oidDate, oidTime,
		oidTimeTZ, oidTimestamp, oidTimestampTZ, oidInterval, oidJSON, oidJSONB,
	} {
		all = append(all, ts.scalar(oid))
	}
	pair := compositeOf([]attribute{{fieldName("a"), oidInt4, encodeInt4}, {fieldName("b"), oidText, encodeText}})
	return append(all, arrayOf(oidText, encodeText), arrayOf(oidNumeric, finiteOrNull(encodeNumeric)), pair, arrayOf(77, pair))
}

// FuzzEncode feeds broken values: the answer is an error or one line of JSON of a sane
// size, never a panic.
func FuzzEncode(f *testing.F) {
	encoders := everyEncoder()
	for i := range encoders {
		for _, seed := range []string{"", "00", "01", "0000000100000000000000190000000200000001", "000000020000001700000004000000010000001900000001", "7fffffffffffffff", "0001000000000002007b", "0002ffff400000050001270f", "017b2261223a205b312c20225c22225d7d"} {
			p, _ := hex.DecodeString(seed)
			f.Add(byte(i), p)
		}
	}
	f.Fuzz(func(t *testing.T, which byte, src []byte) {
		i := int(which) % len(encoders)
		out, err := encoders[i]([]byte("{"), src)
		if len(out) > 200_000+8*len(src) {
			t.Fatalf("%d bytes out of %d", len(out), len(src))
		}
		if err != nil {
			return
		}
		out = out[1:]
		if bytes.ContainsAny(out, "\n\r") || !utf8.Valid(out) {
			t.Fatalf("not one line of UTF-8: %q", out)
		}
		if loose := i == 17 || i == 18; !loose && !json.Valid(out) { // json is checked by the server, and not again
			t.Fatalf("no JSON: %q", out)
		}
	})
}

// FuzzRow feeds broken rows to the splitter.
func FuzzRow(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 1, 7}, byte(1))
	f.Add([]byte{0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, byte(2))
	f.Fuzz(func(t *testing.T, row []byte, n byte) {
		spans := make([]span, n%16)
		if splitRow(row, spans) != nil {
			return
		}
		size := 2 + 4*len(spans)
		for _, s := range spans {
			if !s.null() {
				size += len(s.of(row))
			}
		}
		if size != len(row) {
			t.Fatalf("%d bytes of %d", size, len(row))
		}
	})
}

// streamed is a connection that gives what it holds, in small pieces.
type streamed struct {
	net.Conn
	rest []byte
}

func (s *streamed) Read(p []byte) (int, error) {
	if len(s.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.rest[:min(len(s.rest), 1000)])
	s.rest = s.rest[n:]
	return n, nil
}

// FuzzStream feeds a broken stream: it ends with an error, in memory of its own size.
func FuzzStream(f *testing.F) {
	good := append([]byte("H\x00\x00\x00\x07\x01\x00\x00d\x00\x00\x00\x1e"), append(append([]byte{}, copySignature...), 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 1, 7)...)
	good = append(good, "d\x00\x00\x00\x06\xff\xffc\x00\x00\x00\x04C\x00\x00\x00\x0bCOPY 1\x00Z\x00\x00\x00\x05I"...)
	f.Add(good)
	f.Add([]byte("E\x00\x00\x00\x0cSERROR\x00\x00Z\x00\x00\x00\x05I"))
	f.Add([]byte("d\x3f\xff\xff\xff"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		c := &wire{in: &streamed{rest: stream}, buf: make([]byte, bufferSize)}
		for {
			row, err := c.row()
			if err != nil {
				break
			}
			if len(row) > len(stream) {
				t.Fatal("a row longer than the stream")
			}
		}
		if len(c.buf) > 2*bufferSize+2*len(stream) {
			t.Fatalf("a buffer of %d bytes for a stream of %d", len(c.buf), len(stream))
		}
	})
}

func TestStream(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ stream, want string }{
		"cut":             {"d\x00\x00\x00\x09ab", "unexpected EOF"},
		"no length":       {"d\x00\x00\x00\x01", "a message of 1 bytes"},
		"huge":            {"d\x7f\xff\xff\xff", "a message of 2147483647 bytes"},
		"unknown message": {"?\x00\x00\x00\x04", "unexpected message '?'"},
		"no header":       {"H\x00\x00\x00\x07\x01\x00\x00d\x00\x00\x00\x06ab", "no COPY header"},
		"an error":        {"E\x00\x00\x00\x13SERROR\x00C42P01\x00\x00Z\x00\x00\x00\x05I", "42P01"},
	} {
		w := &wire{in: &streamed{rest: []byte(c.stream)}, buf: make([]byte, bufferSize)}
		if _, err := w.row(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	long := append([]byte("D\x00\x10\x00\x04"), make([]byte, 1<<20)...) // far larger than the buffer
	w := &wire{in: &streamed{rest: append(long, "Z\x00\x00\x00\x05I"...)}, buf: make([]byte, bufferSize)}
	if row, err := w.row(); err != nil || len(row) != 1<<20 {
		t.Errorf("%d bytes, %v", len(row), err)
	}
	if row, err := w.row(); err != nil || row != nil {
		t.Errorf("at the end: %d bytes, %v", len(row), err)
	}
}

func TestNotUTF8(t *testing.T) {
	t.Parallel()
	if _, err := encodeText(nil, []byte("a\xff")); !errors.Is(err, errNotUTF8) {
		t.Errorf("%v", err)
	}
	s := newRowArena(&tree{}, nil)
	bad, err := s.rejectValue(&node{}, &column{label: "public.t.v"}, errNotUTF8)
	if err != nil || !strings.Contains(s.reasons[bad], "public.t.v: bytes that are no valid UTF-8") {
		t.Errorf("%v, %q", err, s.reasons)
	}
}

// BenchmarkLine decodes one order line of 16 columns, as they come from the server.
func BenchmarkLine(b *testing.B) {
	ints := func(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
	num := []byte{0, 2, 0, 1, 0, 0, 0, 2, 0, 3, 0x12, 0x34}
	n := &node{shape: benchLine(), leaf: true, rel: &relation{label: "line"}}
	row := []byte{0, 10}
	for i, c := range []struct {
		encode encoder
		value  []byte
	}{
		{encodeInt8, binary.BigEndian.AppendUint64(nil, 123456)},
		{encodeInt4, ints(7)},
		{encodeInt4, ints(98765)},
		{encodeNumeric, num},
		{encodeNumeric, num},
		{encodeText, []byte("N")},
		{encodeDate, ints(3000)},
		{encodeTimestampTZ, binary.BigEndian.AppendUint64(nil, 700_000_000_123_456)},
		{encodeFloat8, binary.BigEndian.AppendUint64(nil, math.Float64bits(1.25))},
		{encodeText, []byte("egular courts above the silent packages")},
	} {
		n.fields = append(n.fields, field{name: fieldName("l_column"), col: i})
		n.cols = append(n.cols, column{encode: c.encode})
		row = append(binary.BigEndian.AppendUint32(row, uint32(len(c.value))), c.value...)
	}
	n.setPrefixes()
	s := newRowArena(&tree{nodes: []*node{n}}, nil)
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
