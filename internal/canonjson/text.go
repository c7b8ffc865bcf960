package canonjson

import (
	"unicode/utf16"
	"unicode/utf8"
)

// string writes the string that begins at hand.
func (f *Form) string() error {
	f.at++
	f.out = append(f.out, '"')
	for {
		rest := f.in[f.at:]
		n := 0
		for n < len(rest) && rest[n] >= ' ' && rest[n] != '"' && rest[n] != '\\' {
			n++
		}
		f.at += n
		f.out = append(f.out, rest[:n]...)
		switch f.next() {
		case '"':
			f.at++
			f.out = append(f.out, '"')
			return nil
		case '\\':
			if err := f.escape(); err != nil {
				return err
			}
		default:
			return f.wrong("the end of a string")
		}
	}
}

func (f *Form) escape() error {
	f.at++
	c := f.next()
	f.at++
	switch c {
	case '"', '\\', '/':
		f.char(rune(c))
	case 'b':
		f.char('\b')
	case 'f':
		f.char('\f')
	case 'n':
		f.char('\n')
	case 'r':
		f.char('\r')
	case 't':
		f.char('\t')
	case 'u':
		return f.unicode()
	default:
		f.at--
		return f.wrong("an escape sequence")
	}
	return nil
}

// unicode reads the four digits of \uXXXX, and the second half of a pair.
func (f *Form) unicode() error {
	r, ok := f.hex()
	if !ok {
		return f.wrong("four hexadecimal digits")
	}
	if utf16.IsSurrogate(r) && f.at+1 < len(f.in) && f.in[f.at] == '\\' && f.in[f.at+1] == 'u' {
		behind := f.at
		f.at += 2
		if low, ok := f.hex(); ok {
			if pair := utf16.DecodeRune(r, low); pair != utf8.RuneError {
				f.char(pair)
				return nil
			}
		}
		f.at = behind
	}
	f.char(r)
	return nil
}

func (f *Form) hex() (r rune, ok bool) {
	if f.at+4 > len(f.in) {
		return 0, false
	}
	for _, c := range f.in[f.at : f.at+4] {
		switch {
		case isDigit(c):
			r = r<<4 | rune(c-'0')
		case c >= 'a' && c <= 'f':
			r = r<<4 | rune(c-'a'+10)
		case c >= 'A' && c <= 'F':
			r = r<<4 | rune(c-'A'+10)
		default:
			return 0, false
		}
	}
	f.at += 4
	return r, true
}

// char writes one character in its only spelling.
func (f *Form) char(r rune) {
	const digits = "0123456789abcdef"
	switch {
	case r == '"' || r == '\\':
		f.out = append(f.out, '\\', byte(r))
	case r < ' ' || utf16.IsSurrogate(r):
		f.out = append(f.out, '\\', 'u', digits[r>>12], digits[r>>8&15], digits[r>>4&15], digits[r&15])
	default:
		f.out = utf8.AppendRune(f.out, r)
	}
}
