package join

import (
	"bytes"

	"humpty/internal/rawjson"
)

// AppendKey appends one of n values to a key, and reports whether there is one: null, what
// is missing, objects and arrays find nothing. Several are joined as the parts of a
// document's id are: by colons, which are escaped in them.
func AppendKey(dst, value []byte, i, n int) ([]byte, bool) {
	var part []byte
	switch rawjson.Kind(value) {
	case '"':
		part, _ = rawjson.Text(value)
	case '{', '[', 'n':
		return dst, false
	default:
		if len(value) == 0 {
			return dst, false
		}
		part = trimZeros(value)
	}
	if n == 1 {
		return append(dst, part...), true
	}
	if i > 0 {
		dst = append(dst, ':')
	}
	for _, c := range part {
		if c == ':' || c == '\\' {
			dst = append(dst, '\\')
		}
		dst = append(dst, c)
	}
	return dst, true
}

// trimZeros takes zeros behind the point off a number: 7.00 finds 7.
func trimZeros(number []byte) []byte {
	if bytes.IndexByte(number, '.') < 0 || bytes.ContainsAny(number, "eE") {
		return number
	}
	return bytes.TrimSuffix(bytes.TrimRight(number, "0"), []byte("."))
}
