package pgoutput

import (
	"encoding/binary"
	"reflect"
	"strings"
	"testing"
)

// wire builds a message out of bytes, strings (as they are), uint16, uint32 and uint64.
func wire(parts ...any) []byte {
	var b []byte
	for _, p := range parts {
		switch v := p.(type) {
		case string:
			b = append(b, v...)
		case int:
			b = append(b, byte(v))
		case uint16:
			b = binary.BigEndian.AppendUint16(b, v)
		case uint32:
			b = binary.BigEndian.AppendUint32(b, v)
		case uint64:
			b = binary.BigEndian.AppendUint64(b, v)
		}
	}
	return b
}

func text(s string) []byte { return wire("t", uint32(len(s)), s) }

var messages = map[string]struct {
	data []byte
	want Message
}{
	"begin":  {wire("B", uint64(7), uint64(1), uint32(930)), &Begin{FinalLSN: 7, Xid: 930}},
	"commit": {wire("C", 0, uint64(7), uint64(9), uint64(1)), &Commit{LSN: 7, EndLSN: 9}},
	"relation": {
		wire("R", uint32(16400), "shop\x00", "orders\x00", "d", uint16(2), 1, "id\x00", uint32(23), uint32(0xffffffff), 0, "note\x00", uint32(25), uint32(0xffffffff)),
		&Relation{OID: 16400, Schema: "shop", Name: "orders", Identity: 'd', Columns: []Column{{Name: "id", Key: true, Type: 23, Mod: -1}, {Name: "note", Type: 25, Mod: -1}}},
	},
	"insert": {
		wire("I", uint32(16400), "N", uint16(3), string(text("1")), "n", "u"),
		&Change{Kind: 'I', Relation: 16400, New: []Value{{Text: []byte("1")}, {Null: true}, {Unchanged: true}}},
	},
	"update with the old key": {
		wire("U", uint32(16400), "K", uint16(1), string(text("1")), "N", uint16(1), string(text("2"))),
		&Change{Kind: 'U', Relation: 16400, Old: []Value{{Text: []byte("1")}}, New: []Value{{Text: []byte("2")}}},
	},
	"update without": {
		wire("U", uint32(16400), "N", uint16(1), string(text("2"))),
		&Change{Kind: 'U', Relation: 16400, New: []Value{{Text: []byte("2")}}},
	},
	"delete of a full row": {
		wire("D", uint32(16400), "O", uint16(1), string(text(""))),
		&Change{Kind: 'D', Relation: 16400, OldFull: true, Old: []Value{{Text: []byte{}}}},
	},
	"truncate": {wire("T", uint32(2), 3, uint32(1), uint32(2)), &Truncate{Relations: []uint32{1, 2}, Cascade: true, Restart: true}},
	"message":  {wire("M", 1, uint64(5), "humpty\x00", uint32(3), "abc"), &Emitted{Transactional: true, LSN: 5, Prefix: "humpty", Content: []byte("abc")}},
}

func TestDecode(t *testing.T) {
	t.Parallel()
	for name, tc := range messages {
		got, err := Decode(tc.data)
		if err != nil || !reflect.DeepEqual(got, tc.want) {
			t.Errorf("%s: %+v, %v, want %+v", name, got, err, tc.want)
		}
		for cut := range tc.data {
			if _, err := Decode(tc.data[:cut]); err == nil {
				t.Errorf("%s cut to %d bytes was taken for whole", name, cut)
			}
		}
		if _, err := Decode(append(tc.data, 0)); err == nil {
			t.Errorf("%s: a byte behind its end was overlooked", name)
		}
	}
	for _, kind := range []string{"Y", "O"} {
		if m, err := Decode([]byte(kind + "anything")); m != nil || err != nil {
			t.Errorf("%s: %v, %v", kind, m, err)
		}
	}
	if _, err := Decode([]byte("?")); err == nil || !strings.Contains(err.Error(), "unknown message") {
		t.Errorf("unknown kind: %v", err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, tc := range messages {
		f.Add(tc.data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		m, err := Decode(data)
		if err != nil && m != nil {
			t.Errorf("%v together with %v", m, err)
		}
	})
}
