package fold

import "humpty/internal/rawjson"

// merging merges values into a tree.
type merging struct {
	tree  tree
	alive bool
}

var _ Fold = (*merging)(nil)

// NewMerge makes folds of events that are JSON merge patches (RFC 7386), the first one of
// nothing; a tombstone deletes. It is for Source.New.
func NewMerge() (Fold, error) { return &merging{}, nil }

// Begin starts with what there is.
func (m *merging) Begin(_, document []byte) error {
	m.tree.reset(document)
	m.alive = document != nil
	return nil
}

// Apply merges the event's value into the document.
func (m *merging) Apply(e *Event) error {
	if e.Deleted {
		m.tree.reset(nil)
		m.alive = false
		return nil
	}
	if rawjson.Kind(e.Value) != '{' {
		return &Poison{Reason: "the value is not a JSON object"}
	}
	m.tree.merge(root, e.Value)
	m.alive = true
	return nil
}

// Append writes the document.
func (m *merging) Append(dst []byte) ([]byte, bool, error) {
	if !m.alive {
		return dst, false, nil
	}
	return m.tree.append(dst, root), true, nil
}
