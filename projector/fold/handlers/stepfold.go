package handlers

import (
	"bytes"
	"fmt"
	"strings"

	"humpty/internal/canonjson"
	"humpty/internal/rawjson"
	"humpty/projector/fold"
)

// stepFold folds by handlers.
type stepFold struct {
	*compiled
	tree    tree
	alive   bool
	members [][]byte
	form    canonjson.Form // of the keys of elements
}

func (d *stepFold) Begin(_, document []byte) error {
	if err := checkDocument(document); err != nil {
		return err
	}
	d.tree.reset(document)
	d.alive = document != nil
	return nil
}

func (d *stepFold) Append(dst []byte) ([]byte, bool, error) {
	if !d.alive {
		return dst, false, nil
	}
	return d.tree.append(dst, root), true, nil
}

func (d *stepFold) Apply(e *fold.Event) error {
	if e.Deleted {
		d.delete()
		return nil
	}
	h := d.types[e.Type]
	if h == nil {
		h = d.any
	}
	if h == nil {
		if d.unknown {
			return fold.ErrFiltered
		}
		return &fold.Poison{Reason: fmt.Sprintf("no handler for events of type %q", e.Type)}
	}
	if len(h.needs) > 0 && rawjson.Kind(e.Value) != '{' {
		return &fold.Poison{Reason: notAnObject}
	}
	d.findMembers(h, e.Value)
	d.alive = true
	for i := range h.steps {
		s := &h.steps[i]
		if err := d.applyStep(s, e.Value); err != nil {
			// what the first step refused has changed nothing but alive
			return &fold.Poison{Reason: fmt.Sprintf("%s %s: %v", s.Do, strings.Join(s.Field, "."), err), Dirty: true}
		}
	}
	return nil
}

func (d *stepFold) delete() {
	d.tree.reset(nil)
	d.alive = false
}

// findMembers finds the members that the handler needs in one walk.
func (d *stepFold) findMembers(h *handler, value []byte) {
	d.members = d.members[:0]
	for range h.needs {
		d.members = append(d.members, nil)
	}
	if len(h.needs) == 0 {
		return
	}
	for w := rawjson.Into(value); w.Next(); {
		for i, name := range h.needs {
			if rawjson.NameIs(w.Name, name) {
				d.members[i] = w.Value
			}
		}
	}
}

// valueFor is the value of a step; nil if it is optional and the event has none.
func (d *stepFold) valueFor(s *step, all []byte) ([]byte, error) {
	switch {
	case len(s.Value) > 0:
		return s.Value, nil
	case s.member < 0:
		return all, nil
	}
	v := d.members[s.member]
	if v != nil && len(s.rest) > 0 {
		found := rawjson.Get(v, s.rest...)
		if found == nil {
			if err := s.blocked(v); err != nil {
				return nil, err
			}
		}
		v = found
	}
	if v == nil && !s.Optional {
		return nil, fmt.Errorf("the event has no %s", strings.Join(s.From, "."))
	}
	return v, nil
}

// blocked says where the way through a member to what a step needs ends at something that
// has no members; a null on the way is nothing, as if it were not there.
func (s *step) blocked(v []byte) error {
	for i, name := range s.rest {
		at := strings.Join(s.From[:i+1], ".")
		switch rawjson.Kind(v) {
		case '{':
		case '[':
			if strings.Trim(name, "0123456789") != "" {
				return fmt.Errorf("%s of the event is an array, and %s is no number of an element", at, name)
			}
		case 'n':
			return nil
		default:
			return fmt.Errorf("%s of the event is neither an object nor an array, so there is no %s", at, strings.Join(s.From, "."))
		}
		if v = rawjson.Get(v, name); v == nil {
			return nil
		}
	}
	return nil
}

// node is the node of a step's field, made if build is set; 0 if there is none.
func (d *stepFold) node(s *step, build bool) (int32, error) {
	n, stuck := d.tree.find(root, s.field, build)
	if stuck > 0 {
		return 0, fmt.Errorf("%s of the document is no object", strings.Join(s.Field[:stuck], "."))
	}
	return n, nil
}

// applyStep makes one change.
func (d *stepFold) applyStep(s *step, all []byte) error {
	t := &d.tree
	switch s.Do {
	case Delete:
		d.delete()
		return nil
	case Unset:
		n, err := d.node(s, false)
		if n != 0 {
			t.nodes[n].kind = removed
		}
		return err
	}
	value, err := d.valueFor(s, all)
	if value == nil || err != nil {
		return err
	}
	n, err := d.node(s, true)
	if err != nil {
		return err
	}
	switch s.Do {
	case Set:
		t.set(n, value)
		return nil
	case Increment:
		return d.increment(n, value)
	case Merge:
		if rawjson.Kind(value) != '{' {
			return fmt.Errorf("the value is not an object")
		}
		t.merge(n, value)
		return nil
	}
	if t.isNone(n) {
		t.unpack(n, array, true)
	}
	if !t.unpack(n, array, false) {
		return fmt.Errorf("the field is not an array")
	}
	if s.Do == Append {
		t.add(n, node{kind: raw, raw: value})
		return nil
	}
	return d.upsert(n, s.By, value)
}

func (d *stepFold) increment(n int32, by []byte) error {
	at := &d.tree.nodes[n]
	if rawjson.Kind(by) != 0 {
		return fmt.Errorf("%s is not a number", by)
	}
	if d.tree.isNone(n) {
		d.tree.set(n, by)
		return nil
	}
	if at.kind != raw || rawjson.Kind(at.raw) != 0 {
		return fmt.Errorf("the field is not a number")
	}
	total, err := addNumbers(at.raw, by)
	if err != nil {
		return err
	}
	d.tree.set(n, total)
	return nil
}

// upsert merges the value into the element of array n with the same key, or adds it. The
// key of an element is kept in its name, which elements have no other use for.
func (d *stepFold) upsert(n int32, by string, value []byte) error {
	t := &d.tree
	member := rawjson.Get(value, by)
	if rawjson.Kind(value) != '{' || isNone(member) {
		return fmt.Errorf("the value is not an object with a member %s", by)
	}
	key, err := d.elementKey(member)
	if err != nil {
		return err
	}
	for c := t.nodes[n].first; c != 0; c = t.nodes[c].next {
		at := &t.nodes[c]
		if at.name == nil && at.kind == raw {
			at.name = []byte{} // no key: an element that no event is about
			if member := rawjson.Get(at.raw, by); !isNone(member) {
				if at.name, err = d.elementKey(member); err != nil {
					return err
				}
			}
		}
		if bytes.Equal(at.name, key) {
			t.merge(c, value)
			return nil
		}
	}
	t.add(n, node{kind: raw, name: key, raw: value})
	return nil
}

// elementKey is a value in the form in which equal ones are equal bytes. Text without an
// escape has that form.
func (d *stepFold) elementKey(v []byte) ([]byte, error) {
	if rawjson.Kind(v) == '"' && bytes.IndexByte(v, '\\') < 0 {
		return v, nil
	}
	form, err := d.form.Of(v)
	return bytes.Clone(form), err
}
