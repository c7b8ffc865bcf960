package postgres

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
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

func TestNotUTF8(t *testing.T) {
	t.Parallel()
	if _, err := encodeText(nil, []byte("a\xff")); !errors.Is(err, errNotUTF8) {
		t.Errorf("%v", err)
	}
}
