package rawjson

import (
	"bytes"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// NameIs reports whether a name, as it is between its quotes, says s.
func NameIs(name []byte, s string) bool {
	if string(name) == s {
		return strings.IndexByte(s, '\\') < 0
	}
	if len(name) <= len(s) || bytes.IndexByte(name, '\\') < 0 {
		return false
	}
	return string(AppendUnquoted(nil, name)) == s
}

// Text returns what a checked string says, without copying it if it has no escapes. ok is
// false if v is not a string.
func Text(v []byte) (s []byte, ok bool) {
	if Kind(v) != '"' {
		return nil, false
	}
	inner := v[1 : len(v)-1]
	if bytes.IndexByte(inner, '\\') < 0 {
		return inner, true
	}
	return AppendUnquoted(nil, inner), true
}

// AppendUnquoted appends what is between the quotes of a checked string, escapes resolved.
// A surrogate without its other half becomes U+FFFD.
func AppendUnquoted(dst, inner []byte) []byte {
	for i := 0; i < len(inner); {
		c := inner[i]
		if c != '\\' {
			dst = append(dst, c)
			i++
			continue
		}
		switch c = inner[i+1]; c {
		case 'u':
			r := hex(inner[i+2:])
			i += 6
			if utf16.IsSurrogate(r) {
				low := rune(-1)
				if len(inner)-i >= 6 && inner[i] == '\\' && inner[i+1] == 'u' {
					low = hex(inner[i+2:])
				}
				if r = utf16.DecodeRune(r, low); r != utf8.RuneError {
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
			continue
		case 'b':
			c = '\b'
		case 'f':
			c = '\f'
		case 'n':
			c = '\n'
		case 'r':
			c = '\r'
		case 't':
			c = '\t'
		}
		dst = append(dst, c)
		i += 2
	}
	return dst
}

func hex(p []byte) (r rune) {
	for _, c := range p[:4] {
		r <<= 4
		switch {
		case c <= '9':
			r |= rune(c - '0')
		default:
			r |= rune(c|0x20-'a') + 10
		}
	}
	return r
}

// AppendQuoted appends s as a JSON string. What is not UTF-8 becomes U+FFFD.
func AppendQuoted[T ~string | ~[]byte](dst []byte, s T) []byte {
	const digits = "0123456789abcdef"
	dst = append(dst, '"')
	for i := 0; i < len(s); {
		c := s[i]
		switch {
		case plain[c]:
			dst = append(dst, c)
		case c == '"' || c == '\\':
			dst = append(dst, '\\', c)
		case c == '\n':
			dst = append(dst, '\\', 'n')
		case c < 0x20:
			dst = append(dst, '\\', 'u', '0', '0', digits[c>>4], digits[c&15])
		default:
			r, n := utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			dst = utf8.AppendRune(dst, r)
			i += n
			continue
		}
		i++
	}
	return append(dst, '"')
}

// AppendCompact appends a checked value without the white space between its tokens, so
// that it is on one line.
func AppendCompact(dst, v []byte) []byte {
	for i := 0; i < len(v); {
		switch c := v[i]; {
		case c == '"':
			end := skipText(v, i+1)
			dst = append(dst, v[i:end]...)
			i = end
		case c <= ' ':
			i++
		default:
			dst = append(dst, c)
			i++
		}
	}
	return dst
}
