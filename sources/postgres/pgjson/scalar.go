package pgjson

import (
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"math"
	"strconv"
	"strings"
)

// Encoder appends the JSON form of one value in PostgreSQL's binary format. It fails
// with errNotFinite for what JSON cannot say; any other error means that the bytes are
// not of the type that was compiled.
type Encoder func(dst, src []byte) ([]byte, error)

// ErrNotFinite is the error of a value that JSON cannot say.
var ErrNotFinite = errors.New("NaN or Infinity has no form in JSON")

func errSize(typ string, src []byte) error {
	return fmt.Errorf("%d bytes are no %s", len(src), typ)
}

func encodeBool(dst, src []byte) ([]byte, error) {
	if len(src) != 1 {
		return dst, errSize("bool", src)
	}
	if src[0] != 0 {
		return append(dst, "true"...), nil
	}
	return append(dst, "false"...), nil
}

// appendInt is strconv.AppendInt in place: most numbers are small, and what that costs is
// mostly the way through a buffer.
func appendInt(dst []byte, v int64) []byte {
	if v < 0 {
		if v < -99_999_999 {
			return strconv.AppendInt(dst, v, 10)
		}
		dst, v = append(dst, '-'), -v
	}
	switch {
	case v < 100:
		if v < 10 {
			return append(dst, byte('0'+v))
		}
		return append2(dst, int(v))
	case v < 10_000:
		return appendShort(dst, uint16(v))
	case v < 100_000_000:
		return appendGroup(appendShort(dst, uint16(v/10_000)), uint16(v%10_000))
	}
	return strconv.AppendInt(dst, v, 10)
}

func encodeInt2(dst, src []byte) ([]byte, error) {
	if len(src) != 2 {
		return dst, errSize("int2", src)
	}
	return appendInt(dst, int64(int16(binary.BigEndian.Uint16(src)))), nil
}

func encodeInt4(dst, src []byte) ([]byte, error) {
	if len(src) != 4 {
		return dst, errSize("int4", src)
	}
	return appendInt(dst, int64(int32(binary.BigEndian.Uint32(src)))), nil
}

func encodeInt8(dst, src []byte) ([]byte, error) {
	if len(src) != 8 {
		return dst, errSize("int8", src)
	}
	return appendInt(dst, int64(binary.BigEndian.Uint64(src))), nil
}

func encodeOID(dst, src []byte) ([]byte, error) {
	if len(src) != 4 {
		return dst, errSize("oid", src)
	}
	return appendInt(dst, int64(binary.BigEndian.Uint32(src))), nil
}

func encodeFloat4(dst, src []byte) ([]byte, error) {
	if len(src) != 4 {
		return dst, errSize("float4", src)
	}
	return appendFloat(dst, float64(math.Float32frombits(binary.BigEndian.Uint32(src))), 32, 6)
}

func encodeFloat8(dst, src []byte) ([]byte, error) {
	if len(src) != 8 {
		return dst, errSize("float8", src)
	}
	return appendFloat(dst, math.Float64frombits(binary.BigEndian.Uint64(src)), 64, 15)
}

// appendFloat writes the shortest form that reads back as f, laid out as PostgreSQL
// does: scientific below 1e-4 and from 10^digits on.
func appendFloat(dst []byte, f float64, bits, digits int) ([]byte, error) {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return dst, ErrNotFinite
	}
	start := len(dst)
	dst = strconv.AppendFloat(dst, f, 'e', -1, bits)
	e := len(dst) - 1
	for dst[e] != 'e' {
		e--
	}
	exp := 0
	for _, c := range dst[e+2:] {
		exp = exp*10 + int(c-'0')
	}
	if dst[e+1] == '-' {
		exp = -exp
	}
	if exp < -4 || exp >= digits {
		return dst, nil
	}
	return strconv.AppendFloat(dst[:start], f, 'f', -1, bits), nil
}

const hexDigits = "0123456789abcdef"

func appendUUID(dst, src []byte) ([]byte, error) {
	if len(src) != 16 {
		return dst, errSize("uuid", src)
	}
	for i, c := range src {
		if i == 4 || i == 6 || i == 8 || i == 10 {
			dst = append(dst, '-')
		}
		dst = append(dst, hexDigits[c>>4], hexDigits[c&15])
	}
	return dst, nil
}

func encodeUUID(dst, src []byte) ([]byte, error) { return quoted(dst, src, appendUUID) }

func encodeBytea(dst, src []byte) ([]byte, error) {
	dst = append(dst, '"')
	dst = base64.StdEncoding.AppendEncode(dst, src)
	return append(dst, '"'), nil
}

// quoted writes what needs no escaping as a JSON string.
func quoted(dst, src []byte, text Encoder) ([]byte, error) {
	dst, err := text(append(dst, '"'), src)
	return append(dst, '"'), err
}

// IsUUID reports whether a text is how a uuid is written.
func IsUUID(s string) bool {
	for i := range len(s) {
		if dash := i == 8 || i == 13 || i == 18 || i == 23; dash != (s[i] == '-') || !dash && !strings.ContainsRune(hexDigits, rune(s[i])) {
			return false
		}
	}
	return len(s) == 36
}

// VersionOf is the integer of a column as the version of a document.
func VersionOf(src []byte) (int64, error) {
	var v int64
	switch len(src) {
	case 2:
		v = int64(int16(binary.BigEndian.Uint16(src)))
	case 4:
		v = int64(int32(binary.BigEndian.Uint32(src)))
	case 8:
		v = int64(binary.BigEndian.Uint64(src))
	default:
		return 0, errSize("version", src)
	}
	if v < 0 {
		return 0, errors.New("the version is negative, which no index takes: " + strconv.FormatInt(v, 10))
	}
	return v, nil
}
