package pgjson

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"testing"
	"unicode/utf8"
)

// everyEncoder has one of each kind, under the number that the fuzzer picks it by.
func everyEncoder() []Encoder {
	ts := &Types{byOID: map[uint32]*Type{}}
	var all []Encoder
	for _, oid := range []uint32{
		OIDBool, OIDBytea, OIDInt2, OIDInt4, OIDInt8, OIDOID, OIDFloat4, OIDFloat8, OIDNumeric, OIDText, OIDUUID, OIDDate, OIDTime,
		OIDTimeTZ, OIDTimestamp, OIDTimestampTZ, OIDInterval, OIDJSON, OIDJSONB,
	} {
		all = append(all, ts.scalar(oid))
	}
	pair := compositeOf([]attribute{{FieldName("a"), OIDInt4, encodeInt4}, {FieldName("b"), OIDText, encodeText}})
	return append(all, arrayOf(OIDText, encodeText), arrayOf(OIDNumeric, finiteOrNull(encodeNumeric)), pair, arrayOf(77, pair))
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

func TestNotUTF8(t *testing.T) {
	t.Parallel()
	if _, err := encodeText(nil, []byte("a\xff")); !errors.Is(err, ErrNotUTF8) {
		t.Errorf("%v", err)
	}
}
