package handlers

import (
	"humpty/internal/rawjson"
	"humpty/projector/fold"
)

// mergeFold merges values into a tree.
type mergeFold struct {
	tree  tree
	alive bool
}

var _ fold.Fold = (*mergeFold)(nil)

// NewMerge makes folds of events that are JSON merge patches (RFC 7386), the first one of
// nothing; a tombstone deletes. It is for Source.New.
func NewMerge() (fold.Fold, error) { return &mergeFold{}, nil }

// Begin starts with what there is.
func (m *mergeFold) Begin(_, document []byte) error {
	if err := checkDocument(document); err != nil {
		return err
	}
	m.tree.reset(document)
	m.alive = document != nil
	return nil
}

// Apply merges the event's value into the document.
func (m *mergeFold) Apply(e *fold.Event) error {
	if e.Deleted {
		m.tree.reset(nil)
		m.alive = false
		return nil
	}
	if rawjson.Kind(e.Value) != '{' {
		return &fold.Poison{Reason: notAnObject}
	}
	m.tree.merge(root, e.Value)
	m.alive = true
	return nil
}

// Append writes the document.
func (m *mergeFold) Append(dst []byte) ([]byte, bool, error) {
	if !m.alive {
		return dst, false, nil
	}
	return m.tree.append(dst, root), true, nil
}
