package session

import (
	"io"
	"net"
	"slices"
	"strings"
	"testing"
)

// FuzzRow feeds broken rows to the splitter.
func FuzzRow(f *testing.F) {
	f.Add([]byte{0, 1, 0, 0, 0, 1, 7}, byte(1))
	f.Add([]byte{0, 2, 0xff, 0xff, 0xff, 0xff, 0, 0, 0, 0}, byte(2))
	f.Fuzz(func(t *testing.T, row []byte, n byte) {
		spans := make([]Span, n%16)
		if SplitRow(row, spans) != nil {
			return
		}
		size := 2 + 4*len(spans)
		for _, s := range spans {
			if !s.Null() {
				size += len(s.Of(row))
			}
		}
		if size != len(row) {
			t.Fatalf("%d bytes of %d", size, len(row))
		}
	})
}

// streamConn is a connection that gives what it holds, in small pieces.
type streamConn struct {
	net.Conn
	rest []byte
}

func (s *streamConn) Read(p []byte) (int, error) {
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
		c := &wire{in: &streamConn{rest: stream}, buf: make([]byte, bufferSize)}
		for {
			row, err := c.Row()
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
		w := &wire{in: &streamConn{rest: []byte(c.stream)}, buf: make([]byte, bufferSize)}
		if _, err := w.Row(); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
	long := append([]byte("D\x00\x10\x00\x04"), make([]byte, 1<<20)...) // far larger than the buffer
	w := &wire{in: &streamConn{rest: append(long, "Z\x00\x00\x00\x05I"...)}, buf: make([]byte, bufferSize)}
	if row, err := w.Row(); err != nil || len(row) != 1<<20 || len(w.buf) < len(row) {
		t.Errorf("%d bytes, %v, in a buffer of %d", len(row), err, len(w.buf))
	}
	if row, err := w.Row(); err != nil || row != nil {
		t.Errorf("at the end: %d bytes, %v", len(row), err)
	}
	if len(w.buf) > 8*bufferSize {
		t.Errorf("a buffer of %d bytes is held", len(w.buf))
	}
}

func TestParseSnapshot(t *testing.T) {
	t.Parallel()
	s, err := parseSnapshot("10:20:12,15")
	if err != nil || s.Min != 10 || s.Max != 20 || !slices.Equal(s.Running, []uint64{12, 15}) {
		t.Errorf("%+v, %v", s, err)
	}
	for xid, want := range map[uint64]bool{9: true, 10: true, 12: false, 13: true, 15: false, 19: true, 20: false} {
		if s.Sees(xid) != want {
			t.Errorf("sees %d: %v", xid, !want)
		}
	}
	for _, bad := range []string{"", "1:2", "1:2:x", "a:2:"} {
		if _, err := parseSnapshot(bad); err == nil {
			t.Errorf("%q was taken for a snapshot", bad)
		}
	}
}
