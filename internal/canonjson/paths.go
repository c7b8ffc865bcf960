package canonjson

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Paths are fields to leave out: "views_count", "lines.note". A path goes through arrays
// as if they were not there, and a field with its dots written in its key is met too.
// Paths may be used from many goroutines. A nil *Paths leaves nothing out.
type Paths struct {
	here  bool
	below map[string]*Paths
}

// ParsePaths reads paths; no paths give nil.
func ParsePaths(paths []string) (*Paths, error) {
	if len(paths) == 0 {
		return nil, nil
	}
	root := &Paths{}
	for _, path := range paths {
		at := root
		for key := range strings.SplitSeq(path, ".") {
			if key == "" {
				return nil, fmt.Errorf("%q is no path of a field: write it like customer.name", path)
			}
			at = at.add(key)
		}
		at.here = true
	}
	return root, nil
}

// String is the same for paths that leave out the same.
func (p *Paths) String() string {
	if p == nil {
		return ""
	}
	var b strings.Builder
	if p.here {
		b.WriteByte('!')
	}
	for _, key := range slices.Sorted(maps.Keys(p.below)) {
		fmt.Fprintf(&b, "%q(%s)", key, p.below[key])
	}
	return b.String()
}

func (p *Paths) add(key string) *Paths {
	var f Form
	for _, r := range key {
		f.char(r) // as keys look in the form
	}
	if p.below == nil {
		p.below = map[string]*Paths{}
	}
	next := p.below[string(f.out)]
	if next == nil {
		next = &Paths{}
		p.below[string(f.out)] = next
	}
	return next
}

// enter returns what is to be left out below a key, and whether all of it is.
func (p *Paths) enter(key []byte) (below *Paths, leave bool) {
	for p != nil {
		if next := p.below[string(key)]; next != nil {
			return next, next.here
		}
		name, rest, dotted := bytes.Cut(key, []byte("."))
		if !dotted {
			return nil, false
		}
		p = p.below[string(name)]
		if p != nil && p.here {
			return p, true
		}
		key = rest
	}
	return nil, false
}
