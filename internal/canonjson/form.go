package canonjson

import (
	"bytes"
	"fmt"
	"slices"
)

// maxDepth is what Elasticsearch's parser allows too.
const maxDepth = 1000

// Form makes canonical forms. It keeps its buffers and must not be used from two
// goroutines at once. The zero Form leaves nothing out.
type Form struct {
	Ignore *Paths // may be nil

	in      []byte
	at      int
	out     []byte
	members []member // of all open objects, innermost last
	shuffle []byte
}

// member is where one member of an object is in out, its comma included.
type member struct{ start, keyEnd, end int }

// Of returns the canonical form of a JSON text, valid until the next call, or an error
// that says where it is no JSON.
func (f *Form) Of(text []byte) ([]byte, error) {
	f.in, f.at, f.out, f.members = text, 0, f.out[:0], f.members[:0]
	f.space()
	if err := f.value(f.Ignore, 0); err != nil {
		return nil, err
	}
	if f.space(); f.at != len(f.in) {
		return nil, f.wrong("the end")
	}
	return f.out, nil
}

func (f *Form) wrong(expected string) error {
	return fmt.Errorf("no JSON at byte %d: expected %s", f.at, expected)
}

func (f *Form) space() {
	for f.at < len(f.in) {
		switch f.in[f.at] {
		case ' ', '\t', '\n', '\r':
			f.at++
		default:
			return
		}
	}
}

// next returns the byte at hand, or 0 at the end.
func (f *Form) next() byte {
	if f.at < len(f.in) {
		return f.in[f.at]
	}
	return 0
}

func (f *Form) value(ignore *Paths, depth int) error {
	switch c := f.next(); {
	case c == '"':
		return f.string()
	case c == '{':
		return f.object(ignore, depth)
	case c == '[':
		return f.array(ignore, depth)
	case c == '-' || isDigit(c):
		return f.number()
	case c == 't':
		return f.word("true")
	case c == 'f':
		return f.word("false")
	case c == 'n':
		return f.word("null")
	}
	return f.wrong("a value")
}

func (f *Form) word(w string) error {
	if !bytes.HasPrefix(f.in[f.at:], []byte(w)) {
		return f.wrong(w)
	}
	f.at += len(w)
	f.out = append(f.out, w...)
	return nil
}

func (f *Form) array(ignore *Paths, depth int) error {
	if depth == maxDepth {
		return fmt.Errorf("no document: deeper than %d levels at byte %d", maxDepth, f.at)
	}
	f.at++
	f.out = append(f.out, '[')
	if f.space(); f.next() == ']' {
		f.at++
		f.out = append(f.out, ']')
		return nil
	}
	for {
		f.space()
		if err := f.value(ignore, depth+1); err != nil {
			return err
		}
		switch f.space(); f.next() {
		case ',':
			f.at++
			f.out = append(f.out, ',')
		case ']':
			f.at++
			f.out = append(f.out, ']')
			return nil
		default:
			return f.wrong(", or ]")
		}
	}
}

func (f *Form) object(ignore *Paths, depth int) error {
	if depth == maxDepth {
		return fmt.Errorf("no document: deeper than %d levels at byte %d", maxDepth, f.at)
	}
	f.at++
	f.out = append(f.out, '{')
	first, base := len(f.out), len(f.members)
	if f.space(); f.next() == '}' {
		f.at++
		f.out = append(f.out, '}')
		return nil
	}
	for {
		f.space()
		if err := f.member(ignore, depth+1); err != nil {
			return err
		}
		switch f.space(); f.next() {
		case ',':
			f.at++
		case '}':
			f.at++
			f.order(first, base)
			return nil
		default:
			return f.wrong(", or }")
		}
	}
}

func (f *Form) member(ignore *Paths, depth int) error {
	if f.next() != '"' {
		return f.wrong("a key")
	}
	m := member{start: len(f.out)}
	if err := f.string(); err != nil {
		return err
	}
	m.keyEnd = len(f.out)
	below, leave := ignore.enter(f.out[m.start+1 : m.keyEnd-1])
	if f.space(); f.next() != ':' {
		return f.wrong(":")
	}
	f.at++
	f.out = append(f.out, ':')
	f.space()
	if err := f.value(below, depth); err != nil {
		return err
	}
	if leave {
		f.out = f.out[:m.start]
		return nil
	}
	f.out = append(f.out, ',')
	m.end = len(f.out)
	f.members = append(f.members, m)
	return nil
}

// order sorts the members of the object that began at first, and closes it.
func (f *Form) order(first, base int) {
	own := f.members[base:]
	f.members = f.members[:base]
	if len(own) == 0 {
		f.out = append(f.out, '}')
		return
	}
	byKey := func(a, b member) int {
		return bytes.Compare(f.out[a.start:a.keyEnd], f.out[b.start:b.keyEnd])
	}
	if !slices.IsSortedFunc(own, byKey) {
		slices.SortStableFunc(own, byKey)
		f.shuffle = append(f.shuffle[:0], f.out[first:]...)
		at := first
		for _, m := range own {
			at += copy(f.out[at:], f.shuffle[m.start-first:m.end-first])
		}
	}
	f.out[len(f.out)-1] = '}' // in place of the last comma
}
