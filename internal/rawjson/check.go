package rawjson

import (
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"unicode/utf8"
)

// deepest is how deep a value may nest: enough for any document, little for the stack.
const deepest = 500

var errEnd = errors.New("it ends too early")

// Check reports why p is not one JSON value (RFC 8259, UTF-8), with white space around it
// or not; nil if it is. Duplicate names of an object are left to whom they matter.
func Check(p []byte) error {
	i, err := value(p, space(p, 0), 0)
	if err != nil {
		return fmt.Errorf("not JSON, byte %d: %w", i, err)
	}
	if i = space(p, i); i != len(p) {
		return fmt.Errorf("not JSON, byte %d: something behind the value", i)
	}
	return nil
}

// plain has the bytes of a string that need no second look.
var plain = plainBytes()

func plainBytes() (t [256]bool) {
	for c := 0x20; c < utf8.RuneSelf; c++ {
		t[c] = c != '"' && c != '\\'
	}
	return t
}

// run returns where the plain bytes from i on end: eight at a time, then one by one.
func run(p []byte, i int) int {
	const ones, highs = 0x0101010101010101, 0x8080808080808080
	for i+8 <= len(p) {
		x := binary.LittleEndian.Uint64(p[i:])
		quote, back := x^(ones*'"'), x^(ones*'\\')
		odd := (x | (x-ones*0x20)&^x | (quote-ones)&^quote | (back-ones)&^back) & highs
		if odd != 0 { // exact for the lowest one
			return i + bits.TrailingZeros64(odd)/8
		}
		i += 8
	}
	for i < len(p) && plain[p[i]] {
		i++
	}
	return i
}

func space(p []byte, i int) int {
	for i < len(p) && (p[i] == ' ' || p[i] == '\n' || p[i] == '\t' || p[i] == '\r') {
		i++
	}
	return i
}

// value checks the value at i and returns where it ends, or where it is wrong.
func value(p []byte, i, depth int) (int, error) {
	if i >= len(p) {
		return i, errEnd
	}
	switch c := p[i]; c {
	case '"':
		return text(p, i+1)
	case '{', '[':
		if depth == deepest {
			return i, fmt.Errorf("nested deeper than %d", deepest)
		}
		if c == '{' {
			return object(p, i+1, depth+1)
		}
		return array(p, i+1, depth+1)
	case 't':
		return word(p, i, "true")
	case 'f':
		return word(p, i, "false")
	case 'n':
		return word(p, i, "null")
	}
	return number(p, i)
}

func object(p []byte, i, depth int) (int, error) {
	i = space(p, i)
	if i < len(p) && p[i] == '}' {
		return i + 1, nil
	}
	for {
		if i >= len(p) {
			return i, errEnd
		}
		if p[i] != '"' {
			return i, errors.New("a name was expected")
		}
		var err error
		if i, err = text(p, i+1); err != nil {
			return i, err
		}
		if i = space(p, i); i >= len(p) || p[i] != ':' {
			return i, errors.New("a colon was expected")
		}
		if i, err = value(p, space(p, i+1), depth); err != nil {
			return i, err
		}
		i = space(p, i)
		switch {
		case i >= len(p):
			return i, errEnd
		case p[i] == '}':
			return i + 1, nil
		case p[i] != ',':
			return i, errors.New("a comma or } was expected")
		}
		i = space(p, i+1)
	}
}

func array(p []byte, i, depth int) (int, error) {
	i = space(p, i)
	if i < len(p) && p[i] == ']' {
		return i + 1, nil
	}
	for {
		var err error
		if i, err = value(p, i, depth); err != nil {
			return i, err
		}
		i = space(p, i)
		switch {
		case i >= len(p):
			return i, errEnd
		case p[i] == ']':
			return i + 1, nil
		case p[i] != ',':
			return i, errors.New("a comma or ] was expected")
		}
		i = space(p, i+1)
	}
}

// text checks a string behind its first quote.
func text(p []byte, i int) (int, error) {
	for {
		if i = run(p, i); i >= len(p) {
			return i, errEnd
		}
		switch c := p[i]; {
		case c == '"':
			return i + 1, nil
		case c == '\\':
			n := escape(p[i:])
			if n == 0 {
				return i, errors.New("an unknown escape")
			}
			i += n
		case c < 0x20:
			return i, errors.New("a control character in a string")
		default:
			r, n := utf8.DecodeRune(p[i:])
			if r == utf8.RuneError && n == 1 {
				return i, errors.New("not UTF-8")
			}
			i += n
		}
	}
}

// escape is the length of the escape that p begins with; 0 if it is none.
func escape(p []byte) int {
	if len(p) < 2 {
		return 0
	}
	switch p[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		return 2
	case 'u':
		if len(p) < 6 {
			return 0
		}
		for _, c := range p[2:6] {
			if !(c >= '0' && c <= '9' || c|0x20 >= 'a' && c|0x20 <= 'f') {
				return 0
			}
		}
		return 6
	}
	return 0
}

func word(p []byte, i int, w string) (int, error) {
	if len(p)-i < len(w) || string(p[i:i+len(w)]) != w {
		return i, errors.New("an unknown word")
	}
	return i + len(w), nil
}

func number(p []byte, i int) (int, error) {
	if p[i] == '-' {
		i++
	}
	n := digits(p, i)
	if n == i || p[i] == '0' && n > i+1 {
		return i, errors.New("a value was expected")
	}
	i = n
	if i < len(p) && p[i] == '.' {
		if n = digits(p, i+1); n == i+1 {
			return n, errors.New("a digit was expected")
		}
		i = n
	}
	if i < len(p) && p[i]|0x20 == 'e' {
		i++
		if i < len(p) && (p[i] == '+' || p[i] == '-') {
			i++
		}
		if n = digits(p, i); n == i {
			return n, errors.New("a digit was expected")
		}
		i = n
	}
	return i, nil
}

func digits(p []byte, i int) int {
	for i < len(p) && p[i] >= '0' && p[i] <= '9' {
		i++
	}
	return i
}
