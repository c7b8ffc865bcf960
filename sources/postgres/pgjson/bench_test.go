package pgjson

import (
	"encoding/binary"
	"math"
	"testing"
)

// BenchmarkType writes one value of each type, as it comes from the server, as JSON.
func BenchmarkType(b *testing.B) {
	two := func(v uint16) []byte { return binary.BigEndian.AppendUint16(nil, v) }
	four := func(v uint32) []byte { return binary.BigEndian.AppendUint32(nil, v) }
	eight := func(v uint64) []byte { return binary.BigEndian.AppendUint64(nil, v) }
	moment := eight(700_000_000_123_456)
	text := []byte("egular courts above the silent packages")
	array := []byte{0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 23, 0, 0, 0, 2, 0, 0, 0, 1, 0, 0, 0, 4, 0, 0, 0, 7, 0, 0, 0, 4, 0, 0, 0, 9}
	types := &Types{}
	for _, c := range []struct {
		name  string
		oid   uint32
		value []byte
	}{
		{"bool", OIDBool, []byte{1}},
		{"int2", OIDInt2, two(123)},
		{"int4", OIDInt4, four(98765)},
		{"int8", OIDInt8, eight(1 << 40)},
		{"float4", OIDFloat4, four(math.Float32bits(1.25))},
		{"float8", OIDFloat8, eight(math.Float64bits(1.25))},
		{"numeric", OIDNumeric, []byte{0, 2, 0, 1, 0, 0, 0, 2, 0, 3, 0x12, 0x34}},
		{"text", OIDText, text},
		{"json", OIDJSON, []byte(`{"a":[1,2,{"b":"c"}]}`)},
		{"jsonb", OIDJSONB, []byte("\x01" + `{"a": [1, 2, {"b": "c"}]}`)},
		{"bytea", OIDBytea, text},
		{"uuid", OIDUUID, []byte("0123456789abcdef")},
		{"date", OIDDate, four(3000)},
		{"time", OIDTime, eight(3_723_000_000)},
		{"timestamp", OIDTimestamp, moment},
		{"timestamptz", OIDTimestampTZ, moment},
		{"interval", OIDInterval, append(append(eight(3_723_000_000), four(3)...), four(14)...)},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkType(b, types.scalar(c.oid), c.value) })
	}
	b.Run("int4 array", func(b *testing.B) { benchmarkType(b, arrayOf(OIDInt4, encodeInt4), array) })
}

func benchmarkType(b *testing.B, encode Encoder, value []byte) {
	var out []byte
	b.ReportAllocs()
	b.SetBytes(int64(len(value)))
	for b.Loop() {
		var err error
		if out, err = encode(out[:0], value); err != nil {
			b.Fatal(err)
		}
	}
	if len(out) == 0 {
		b.Fatal("nothing was written")
	}
}
