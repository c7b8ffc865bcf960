package rawjson

import "bytes"

// Kind is what a checked value begins with: one of { [ " t f n, or 0 for a number.
func Kind(v []byte) byte {
	if len(v) > 0 {
		switch c := v[0]; c {
		case '{', '[', '"', 't', 'f', 'n':
			return c
		}
	}
	return 0
}

// Trim takes the white space off.
func Trim(p []byte) []byte { return bytes.Trim(p, " \n\t\r") }

// Walk goes over the members of an object, or the elements of an array, that Check found
// right. What it gives are slices of it.
type Walk struct {
	Name  []byte // of an object's member, as it is between the quotes
	Value []byte

	rest   []byte
	object bool
}

// Into begins to walk over v; over nothing if v is neither an object nor an array.
func Into(v []byte) Walk {
	switch Kind(v) {
	case '{':
		return Walk{rest: v[1:], object: true}
	case '[':
		return Walk{rest: v[1:]}
	}
	return Walk{}
}

// Next goes to the next one and reports whether there is one.
func (w *Walk) Next() bool {
	i := 0
	for i < len(w.rest) && (w.rest[i] <= ' ' || w.rest[i] == ',') {
		i++
	}
	if i >= len(w.rest) || w.rest[i] == '}' || w.rest[i] == ']' {
		w.rest = nil
		return false
	}
	if w.object {
		end := skipText(w.rest, i+1)
		w.Name = w.rest[i+1 : end-1 : end-1]
		i = end
		for w.rest[i] != ':' {
			i++
		}
		i = space(w.rest, i+1)
	}
	end := skip(w.rest, i)
	w.Value = w.rest[i:end:end]
	w.rest = w.rest[end:]
	return true
}

// skip returns where the checked value at i ends.
func skip(p []byte, i int) int {
	switch p[i] {
	case '"':
		return skipText(p, i+1)
	case '{', '[':
		depth := 0
		for {
			switch p[i] {
			case '"':
				i = skipText(p, i+1)
				continue
			case '{', '[':
				depth++
			case '}', ']':
				depth--
				if depth == 0 {
					return i + 1
				}
			}
			i++
		}
	}
	for i < len(p) && p[i] > ' ' && p[i] != ',' && p[i] != '}' && p[i] != ']' {
		i++
	}
	return i
}

// skipText returns where the string ends whose first byte is at i, behind its quote.
func skipText(p []byte, i int) int {
	for {
		i = run(p, i)
		switch p[i] {
		case '"':
			return i + 1
		case '\\':
			i += 2
		default:
			i++
		}
	}
}

// Get returns the value at a path of names, or of numbers of elements, in a checked
// value; nil if there is none. Of equal names the last counts, as everywhere.
func Get(v []byte, path ...string) []byte {
	for _, step := range path {
		v = member(v, step)
		if v == nil {
			return nil
		}
	}
	return v
}

func member(v []byte, step string) (found []byte) {
	w := Into(v)
	for n := 0; w.Next(); n++ {
		if w.object && NameIs(w.Name, step) || !w.object && isNumber(step, n) {
			found = w.Value
		}
	}
	return found
}

func isNumber(s string, n int) bool {
	if len(s) == 0 || len(s) > 9 {
		return false
	}
	is := 0
	for _, c := range []byte(s) {
		if c < '0' || c > '9' {
			return false
		}
		is = 10*is + int(c-'0')
	}
	return is == n
}
