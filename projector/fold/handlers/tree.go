package handlers

import (
	"bytes"

	"humpty/internal/rawjson"
)

// tree is a JSON value that is changed in place. What is not changed stays the bytes it
// was; an object or an array is taken apart only when something in it changes. Nodes are
// numbers in one slice that is used again for the next document.
type tree struct{ nodes []node }

type node struct {
	name        []byte // in an object, as between the quotes
	raw         []byte // the value, if kind is raw
	kind        nodeKind
	first, last int32 // children; 0: none
	next        int32 // sibling
}

type nodeKind uint8

const (
	raw nodeKind = iota
	object
	array
	removed // a member that was taken away; its node stays in the chain
)

// root is the number of the node that is the document. Number 0 is none.
const root = 1

// reset makes the tree an empty object, or a value.
func (t *tree) reset(v []byte) {
	t.nodes = append(t.nodes[:0], node{}, node{kind: object})
	if v != nil {
		t.nodes[root] = node{kind: raw, raw: v}
	}
}

// unpack makes n a node with children, and reports whether it is of that kind; a value of
// another kind is replaced by an empty one if force is set.
func (t *tree) unpack(n int32, kind nodeKind, force bool) bool {
	at := &t.nodes[n]
	if at.kind == kind {
		return true
	}
	want := byte('{')
	if kind == array {
		want = '['
	}
	if at.kind != raw || rawjson.Kind(at.raw) != want {
		if force {
			at.kind, at.raw, at.first, at.last = kind, nil, 0, 0
		}
		return force
	}
	v := at.raw
	at.kind, at.raw, at.first, at.last = kind, nil, 0, 0
	for w := rawjson.Into(v); w.Next(); {
		if kind == object {
			if was := t.child(n, w.Name); was != 0 { // a duplicate: the last counts
				t.nodes[was].raw = w.Value
				continue
			}
		}
		t.add(n, node{kind: raw, name: w.Name, raw: w.Value})
	}
	return true
}

// add appends a child.
func (t *tree) add(n int32, child node) int32 {
	at := int32(len(t.nodes))
	t.nodes = append(t.nodes, child)
	p := &t.nodes[n]
	if p.last == 0 {
		p.first = at
	} else {
		t.nodes[p.last].next = at
	}
	t.nodes[n].last = at
	return at
}

// child finds a member of an object that is apart; 0 if there is none. A member that is
// gone is found too.
func (t *tree) child(n int32, name []byte) int32 {
	for c := t.nodes[n].first; c != 0; c = t.nodes[c].next {
		if sameName(t.nodes[c].name, name) {
			return c
		}
	}
	return 0
}

func sameName(a, b []byte) bool {
	if bytes.Equal(a, b) {
		return true
	}
	if bytes.IndexByte(a, '\\') < 0 && bytes.IndexByte(b, '\\') < 0 {
		return false
	}
	return bytes.Equal(rawjson.AppendUnquoted(nil, a), rawjson.AppendUnquoted(nil, b))
}

// find walks a path of names from n, making objects on the way if build is set; 0 if there is
// nothing. Nothing and null may become an object; stuck is how many names lead to something
// else that is none, 0 if nothing does.
func (t *tree) find(n int32, path [][]byte, build bool) (found int32, stuck int) {
	for i, name := range path {
		if t.isNone(n) {
			if !build {
				return 0, 0
			}
			t.unpack(n, object, true)
		}
		if !t.unpack(n, object, false) {
			return 0, i
		}
		c := t.child(n, name)
		if c == 0 {
			if !build {
				return 0, 0
			}
			c = t.add(n, node{kind: removed, name: name})
		}
		n = c
	}
	return n, 0
}

// isNone reports whether n is nothing, or null.
func (t *tree) isNone(n int32) bool {
	at := &t.nodes[n]
	return at.kind == removed || at.kind == raw && rawjson.Kind(at.raw) == 'n'
}

// set makes n a value.
func (t *tree) set(n int32, v []byte) {
	at := &t.nodes[n]
	at.kind, at.raw, at.first, at.last = raw, v, 0, 0
}

// merge applies a JSON merge patch (RFC 7386).
func (t *tree) merge(n int32, patch []byte) {
	if rawjson.Kind(patch) != '{' {
		t.set(n, patch)
		return
	}
	t.unpack(n, object, true)
	for w := rawjson.Into(patch); w.Next(); {
		c := t.child(n, w.Name)
		if rawjson.Kind(w.Value) == 'n' {
			if c != 0 {
				t.nodes[c].kind = removed
			}
			continue
		}
		if c == 0 {
			c = t.add(n, node{kind: removed, name: w.Name})
		}
		t.merge(c, w.Value)
	}
}

// append writes n as JSON on one line.
func (t *tree) append(dst []byte, n int32) []byte {
	at := &t.nodes[n]
	switch at.kind {
	case raw:
		return appendLine(dst, at.raw)
	case removed:
		return append(dst, "null"...)
	}
	left, right := byte('{'), byte('}')
	if at.kind == array {
		left, right = '[', ']'
	}
	dst = append(dst, left)
	first := true
	for c := at.first; c != 0; c = t.nodes[c].next {
		if t.nodes[c].kind == removed {
			continue
		}
		if !first {
			dst = append(dst, ',')
		}
		first = false
		if left == '{' {
			dst = append(append(append(dst, '"'), t.nodes[c].name...), '"', ':')
		}
		dst = t.append(dst, c)
	}
	return append(dst, right)
}
