package pgjson

import (
	"encoding/binary"
	"errors"
	"unicode/utf8"
)

const (
	ones  = 0x0101010101010101
	highs = 0x8080808080808080
)

// mustEscape reports whether any of the eight bytes of w must be escaped in JSON: a
// control character, a quote or a backslash. It may say so wrongly for a byte above
// 0x7f beside one, which only costs the slow path.
func mustEscape(w uint64) bool {
	control := (w - ones*0x20) & ^w
	quote := w ^ ones*'"'
	slash := w ^ ones*'\\'
	quote = (quote - ones) & ^quote
	slash = (slash - ones) & ^slash
	return (control|quote|slash)&highs != 0
}

// AppendString writes s, valid UTF-8, as a JSON string, escaping what JSON demands, in
// the form PostgreSQL uses itself.
func AppendString(dst, s []byte) []byte {
	dst, _ = appendQuoted(dst, s)
	return dst
}

// appendQuoted is appendString, and says whether all of s is ASCII.
func appendQuoted(dst, s []byte) (out []byte, ascii bool) {
	dst = append(dst, '"')
	from, i, seen := 0, 0, uint64(0)
	for i < len(s) {
		if len(s)-i >= 8 {
			if w := binary.LittleEndian.Uint64(s[i:]); !mustEscape(w) {
				seen |= w
				i += 8
				continue
			}
		}
		c := s[i]
		seen |= uint64(c)
		if c >= 0x20 && c != '"' && c != '\\' {
			i++
			continue
		}
		dst = append(dst, s[from:i]...)
		dst = appendEscape(dst, c)
		i++
		from = i
	}
	dst = append(dst, s[from:]...)
	return append(dst, '"'), seen&highs == 0
}

func appendEscape(dst []byte, c byte) []byte {
	switch c {
	case '"', '\\':
		return append(dst, '\\', c)
	case '\n':
		return append(dst, '\\', 'n')
	case '\t':
		return append(dst, '\\', 't')
	case '\r':
		return append(dst, '\\', 'r')
	case '\b':
		return append(dst, '\\', 'b')
	case '\f':
		return append(dst, '\\', 'f')
	}
	return append(dst, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}

// ErrNotUTF8 is the error of a text that JSON cannot hold.
var ErrNotUTF8 = errors.New("bytes that are no valid UTF-8, as a database with the encoding SQL_ASCII can hold")

func encodeText(dst, src []byte) ([]byte, error) {
	dst, ascii := appendQuoted(dst, src)
	if !ascii && !utf8.Valid(src) {
		return dst, ErrNotUTF8
	}
	return dst, nil
}

func encodeJSONB(dst, src []byte) ([]byte, error) {
	if len(src) < 2 || src[0] != 1 {
		return dst, errJSON
	}
	return EncodeJSON(dst, src[1:])
}

var errJSON = errors.New("a json value that is none")

// EncodeJSON inlines a json value without the white space between its tokens, so that
// it can never break the line it is part of.
func EncodeJSON(dst, src []byte) ([]byte, error) {
	start, depth := len(dst), 0
	if !utf8.Valid(src) {
		return dst, ErrNotUTF8
	}
	for i := 0; i < len(src); {
		switch c := src[i]; c {
		case ' ', '\n', '\r', '\t':
			i++
			continue
		case '"':
			end := stringEnd(src, i+1)
			if end < 0 {
				return dst, errJSON
			}
			dst = append(dst, src[i:end]...)
			i = end
			continue
		case '{', '[':
			depth++
		case '}', ']':
			depth--
		default:
			if c < 0x20 {
				return dst, errJSON
			}
		}
		dst = append(dst, src[i])
		i++
	}
	if depth != 0 || len(dst) == start {
		return dst, errJSON
	}
	return dst, nil
}

// stringEnd returns the index behind the closing quote, -1 if there is none.
func stringEnd(s []byte, i int) int {
	for ; i < len(s); i++ {
		switch c := s[i]; {
		case c == '"':
			return i + 1
		case c == '\\':
			i++
		case c < 0x20:
			return -1
		}
	}
	return -1
}

// AppendComma separates next from what stands before it in the same object.
func AppendComma(dst, next []byte) []byte {
	if len(next) > 0 && len(dst) > 0 && dst[len(dst)-1] != '{' {
		dst = append(dst, ',')
	}
	return dst
}
