package handlers

import (
	"bytes"
	"errors"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
)

// notAnObject is the reason of events whose value has no members where those are needed.
const notAnObject = "the value is not a JSON object"

// checkDocument refuses to go on with what no fold has made.
func checkDocument(document []byte) error {
	if document != nil && rawjson.Kind(document) != '{' {
		return errors.New("fold: the stored document is not an object")
	}
	return nil
}

// latestFold keeps the last value.
type latestFold struct{ document []byte }

var _ fold.Fold = (*latestFold)(nil)

// NewLatest makes folds of events that are whole documents: the last one counts, and a
// tombstone deletes. It is for Source.New.
func NewLatest() (fold.Fold, error) { return &latestFold{}, nil }

// Begin starts with what there is.
func (l *latestFold) Begin(_, document []byte) error {
	if err := checkDocument(document); err != nil {
		return err
	}
	l.document = document
	return nil
}

// Apply keeps the event's value.
func (l *latestFold) Apply(e *fold.Event) error {
	if e.Deleted {
		l.document = nil
		return nil
	}
	if rawjson.Kind(e.Value) != '{' {
		return &fold.Poison{Reason: notAnObject}
	}
	l.document = e.Value
	return nil
}

// Append appends the last value as it came, on one line.
func (l *latestFold) Append(dst []byte) ([]byte, bool, error) {
	if l.document == nil {
		return dst, false, nil
	}
	return appendLine(dst, l.document), true, nil
}

// appendLine appends a checked value on one line. Only white space between tokens can
// break a line, so most values stay as they are.
func appendLine(dst, v []byte) []byte {
	if bytes.IndexByte(v, '\n') < 0 && bytes.IndexByte(v, '\r') < 0 {
		return append(dst, v...)
	}
	return rawjson.AppendCompact(dst, v)
}
