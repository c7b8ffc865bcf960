package handlers

import (
	"bytes"
	"fmt"
	"strings"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
)

// stepFold folds by handlers.
type stepFold struct {
	*compiled
	tree    tree
	alive   bool
	members [][]byte
}

func (d *stepFold) Begin(_, document []byte) error {
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
	d.findMembers(h, e.Value)
	d.alive = true
	for i := range h.steps {
		s := &h.steps[i]
		value, found := d.valueFor(s, e.Value)
		if err := d.applyStep(s, value, found); err != nil {
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
	if len(h.needs) == 0 || rawjson.Kind(value) != '{' {
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

func (d *stepFold) valueFor(s *step, all []byte) (v []byte, found bool) {
	switch {
	case len(s.Value) > 0:
		return s.Value, true
	case s.member < 0:
		return all, true
	}
	v = d.members[s.member]
	if v != nil && len(s.rest) > 0 {
		v = rawjson.Get(v, s.rest...)
	}
	return v, v != nil
}

// applyStep makes one change.
func (d *stepFold) applyStep(s *step, value []byte, found bool) error {
	t := &d.tree
	switch s.Do {
	case Delete:
		d.delete()
		return nil
	case Unset:
		if n := t.find(root, s.field, false); n != 0 {
			t.nodes[n].kind = removed
		}
		return nil
	case Set:
		if found {
			t.set(t.find(root, s.field, true), value)
		}
		return nil
	}
	if !found {
		return fmt.Errorf("the event has no %s", strings.Join(s.From, "."))
	}
	n := t.find(root, s.field, true)
	switch s.Do {
	case Increment:
		return d.increment(n, value)
	case Merge:
		if len(s.Field) == 0 && rawjson.Kind(value) != '{' {
			return fmt.Errorf("the value is not an object")
		}
		t.merge(n, value)
		return nil
	}
	if at := t.nodes[n]; at.kind == removed || at.kind == raw && rawjson.Kind(at.raw) == 'n' {
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
	if at.kind == removed || at.kind == raw && rawjson.Kind(at.raw) == 'n' {
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
	key := rawjson.Get(value, by)
	if rawjson.Kind(value) != '{' || key == nil {
		return fmt.Errorf("the value is not an object with a member %s", by)
	}
	for c := t.nodes[n].first; c != 0; c = t.nodes[c].next {
		at := &t.nodes[c]
		if at.name == nil && at.kind == raw {
			if at.name = rawjson.Get(at.raw, by); at.name == nil {
				at.name = []byte{}
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
