package pgoutput

import (
	"encoding/binary"
	"errors"
	"fmt"
)

var errShort = errors.New("the message is cut short")

// Decode reads one message. A message of a kind that says nothing about rows (type,
// origin) is nil without an error; an unknown kind is an error, since it could.
func Decode(data []byte) (Message, error) {
	if len(data) == 0 {
		return nil, errShort
	}
	r := &reader{data: data[1:]}
	var m Message
	switch data[0] {
	case 'B':
		m = decodeBegin(r)
	case 'C':
		m = decodeCommit(r)
	case 'R':
		m = decodeRelation(r)
	case 'I', 'U', 'D':
		m = decodeChange(data[0], r)
	case 'T':
		m = decodeTruncate(r)
	case 'M':
		m = decodeEmitted(r)
	case 'Y', 'O':
		return nil, nil
	default:
		return nil, fmt.Errorf("unknown message %q in the replication stream", data[0])
	}
	switch {
	case r.err != nil:
		return nil, fmt.Errorf("message %q: %w", data[0], r.err)
	case len(r.data) > 0:
		return nil, fmt.Errorf("message %q: %d bytes behind its end", data[0], len(r.data))
	}
	return m, nil
}

func decodeBegin(r *reader) Message {
	m := &Begin{FinalLSN: r.uint64()}
	r.uint64() // commit time
	m.Xid = r.uint32()
	return m
}

func decodeCommit(r *reader) Message {
	r.byte() // flags, unused
	m := &Commit{LSN: r.uint64(), EndLSN: r.uint64()}
	r.uint64() // commit time
	return m
}

func decodeRelation(r *reader) Message {
	m := &Relation{OID: r.uint32(), Schema: r.string(), Name: r.string(), Identity: r.byte()}
	for range r.count(8) {
		m.Columns = append(m.Columns, Column{
			Key: r.byte()&1 == 1, Name: r.string(), Type: r.uint32(), Mod: int32(r.uint32()),
		})
	}
	return m
}

func decodeChange(kind byte, r *reader) Message {
	m := &Change{Kind: kind, Relation: r.uint32()}
	tuple := r.byte()
	if tuple == 'K' || tuple == 'O' {
		m.OldFull = tuple == 'O'
		m.Old = r.tuple()
		if kind == 'D' {
			return m
		}
		tuple = r.byte()
	}
	if tuple != 'N' || kind == 'D' {
		r.fail(fmt.Errorf("tuple of kind %q", tuple))
		return m
	}
	m.New = r.tuple()
	return m
}

func decodeTruncate(r *reader) Message {
	n := r.uint32()
	options := r.byte()
	m := &Truncate{Cascade: options&1 != 0, Restart: options&2 != 0}
	if uint64(n)*4 > uint64(len(r.data)) {
		r.fail(errShort)
		return m
	}
	for range n {
		m.Relations = append(m.Relations, r.uint32())
	}
	return m
}

func decodeEmitted(r *reader) Message {
	m := &Emitted{Transactional: r.byte() == 1, LSN: r.uint64(), Prefix: r.string()}
	m.Content = r.bytes(int(r.uint32()))
	return m
}

// reader takes values off a message; after the first failure everything it gives is zero.
type reader struct {
	data []byte
	err  error
}

func (r *reader) fail(err error) {
	if r.err == nil {
		r.err = err
	}
	r.data = nil
}

func (r *reader) bytes(n int) []byte {
	if n < 0 || n > len(r.data) {
		r.fail(errShort)
		return nil
	}
	b := r.data[:n:n]
	r.data = r.data[n:]
	return b
}

func (r *reader) byte() byte {
	if b := r.bytes(1); b != nil {
		return b[0]
	}
	return 0
}

func (r *reader) uint16() uint16 {
	if b := r.bytes(2); b != nil {
		return binary.BigEndian.Uint16(b)
	}
	return 0
}

func (r *reader) uint32() uint32 {
	if b := r.bytes(4); b != nil {
		return binary.BigEndian.Uint32(b)
	}
	return 0
}

func (r *reader) uint64() uint64 {
	if b := r.bytes(8); b != nil {
		return binary.BigEndian.Uint64(b)
	}
	return 0
}

// string reads up to a zero byte.
func (r *reader) string() string {
	for i, c := range r.data {
		if c == 0 {
			s := string(r.data[:i])
			r.data = r.data[i+1:]
			return s
		}
	}
	r.fail(errShort)
	return ""
}

// count reads how many things follow, each of at least size bytes.
func (r *reader) count(size int) int {
	n := int(r.uint16())
	if n*size > len(r.data) {
		r.fail(errShort)
		return 0
	}
	return n
}

func (r *reader) tuple() []Value {
	n := r.count(1)
	values := make([]Value, n)
	for i := range values {
		switch kind := r.byte(); kind {
		case 'n':
			values[i].Null = true
		case 'u':
			values[i].Unchanged = true
		case 't':
			values[i].Text = r.bytes(int(int32(r.uint32())))
		default:
			r.fail(fmt.Errorf("value of kind %q", kind))
			return nil
		}
	}
	return values
}
