package handlers

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"humpty/internal/rawjson"
)

// check says what is wrong in a step. by is the member that tells the elements of each field
// apart, in the steps so far.
func (s Step) check(by map[string]string) error {
	switch s.Do {
	case Set, Unset, Increment, Append, Upsert:
		if len(s.Field) == 0 {
			return fmt.Errorf("it names no field")
		}
	case Merge, Delete:
	default:
		return fmt.Errorf("unknown; use set, unset, increment, append, upsert, merge or delete")
	}
	for _, path := range [][]string{s.Field, s.From} {
		if slices.Contains(path, "") {
			return fmt.Errorf("a name in %s is empty", strings.Join(path, "."))
		}
	}
	switch {
	case (s.Do == Delete || s.Do == Unset) && (s.Value != nil || len(s.From) > 0):
		return fmt.Errorf("it takes no value")
	case s.Value != nil && len(s.From) > 0:
		return fmt.Errorf("it has both a value and a place to take it from")
	case s.Optional && len(s.From) == 0:
		return fmt.Errorf("optional is for from, and it has none")
	case s.By != "" && s.Do != Upsert:
		return fmt.Errorf("by is for upsert")
	case s.By == "" && s.Do == Upsert:
		return fmt.Errorf("it does not say by which member elements are told apart")
	}
	if err := s.checkValue(); err != nil {
		return err
	}
	if s.Do != Upsert {
		return nil
	}
	field := strings.Join(s.Field, "\x00")
	if was, ok := by[field]; ok && was != s.By {
		return fmt.Errorf("elements of %s are told apart by %s elsewhere, and by %s here", strings.Join(s.Field, "."), was, s.By)
	}
	by[field] = s.By
	return nil
}

// checkValue says what is wrong in a value that every event would fail with.
func (s Step) checkValue() error {
	if s.Value == nil {
		return nil
	}
	if err := rawjson.Check(s.Value); err != nil {
		return fmt.Errorf("its value is %w", err)
	}
	value := bytes.TrimSpace(s.Value)
	switch kind := rawjson.Kind(value); {
	case s.Do == Merge && kind != '{', s.Do == Upsert && kind != '{':
		return fmt.Errorf("its value is no object")
	case s.Do == Upsert && isNone(rawjson.Get(value, s.By)):
		return fmt.Errorf("its value has no %s", s.By)
	case s.Do == Increment && kind != 0:
		return fmt.Errorf("its value %s is no number", value)
	}
	return nil
}

// isNone reports whether there is no value, or null.
func isNone(v []byte) bool { return v == nil || rawjson.Kind(v) == 'n' }
