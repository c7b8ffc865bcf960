package read

import (
	"fmt"

	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/query"
)

// writer puts documents together out of an arena.
type writer struct {
	arena  *rowArena
	reject string // why the document just written cannot be; empty if it can
}

// row appends row i of a node with all its includes.
func (w *writer) row(dst []byte, n *query.Node, i int32) []byte {
	l := w.arena.of(n)
	r := l.rows[i]
	if r.bad > 0 {
		w.reject = w.arena.reason(r.bad, n)
	}
	dst = append(dst, l.data[r.start:r.end]...)
	if n.Leaf {
		return dst
	}
	for _, child := range n.Include {
		dst = w.include(dst, child, i)
	}
	if n.Object() {
		dst = append(dst, '}')
	}
	return dst
}

// include appends the field of an include of its parent's row i.
func (w *writer) include(dst []byte, n *query.Node, i int32) []byte {
	l := w.arena.of(n)
	g := group{}
	at := i
	if link := w.arena.linkOf(n); link != nil {
		at = link[i]
	}
	if at >= 0 {
		g = l.groups[at]
	}
	if n.Shape.Flatten {
		if g.count == 0 {
			return append(pgjson.AppendComma(dst, n.Missing), n.Missing...)
		}
		w.single(n, g)
		r := l.rows[g.first]
		dst = pgjson.AppendComma(dst, l.data[r.start:r.end])
		return w.row(dst, n, g.first)
	}
	dst = append(pgjson.AppendComma(dst, n.Prefix), n.Prefix...)
	if n.Shape.One {
		if g.count == 0 {
			return append(dst, "null"...)
		}
		w.single(n, g)
		return w.row(dst, n, g.first)
	}
	return w.many(dst, n, l, g)
}

func (w *writer) many(dst []byte, n *query.Node, l *nodeRows, g group) []byte {
	dst = append(dst, '[')
	switch {
	case g.count == 0:
	case n.Leaf: // its rows lie side by side, commas between
		if g.bad > 0 {
			w.reject = w.arena.reason(g.bad, n)
		}
		dst = append(dst, l.data[l.rows[g.first].start:l.rows[g.first+g.count-1].end]...)
	default:
		for i := range g.count {
			if i > 0 {
				dst = append(dst, ',')
			}
			dst = w.row(dst, n, g.first+i)
		}
	}
	return append(dst, ']')
}

func (w *writer) single(n *query.Node, g group) {
	if g.count > 1 {
		w.reject = fmt.Sprintf("include %s is a one, but finds %d rows in %s; make it many, or add a where that leaves one",
			n.Path, g.count, n.Relation.Label)
	}
}

// linkOf returns how rows of n's parent point to n's groups: nil where one to one.
func (s *rowArena) linkOf(n *query.Node) []int32 {
	switch {
	case n.Fetch == query.ByRange:
		return nil
	case n.Parent.Fetch == query.FromMemory && n.Parent.Parent != nil && s.memory != nil:
		return s.memory.linkOf(n)
	}
	return s.byNode[n.Index].link
}
