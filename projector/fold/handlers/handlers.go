package handlers

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"humpty/internal/rawjson"
	"humpty/projector/fold"
)

// Verb is what a step does.
type Verb string

// The verbs.
const (
	Set       Verb = "set"       // the field becomes the value
	Unset     Verb = "unset"     // the field goes; one that is not there changes nothing
	Increment Verb = "increment" // the number in the field, 0 if there is none, grows by the value
	Append    Verb = "append"    // the value becomes the last element of the field, an array
	Upsert    Verb = "upsert"    // the value is merged into the element that has the same By, or added
	Merge     Verb = "merge"     // the value, an object, is merged into the field (RFC 7386)
	Delete    Verb = "delete"    // the document is deleted; it is the last step of its list
)

// Step is one change of a document. An event that a step cannot be made of is poison: it has
// nothing at From, a path goes through something that has no members, a value is of another
// kind than the verb needs. Objects on the way to Field are made where there is nothing, or
// null.
type Step struct {
	Do       Verb
	Field    []string // of the document, a path of names; empty: the document itself (merge, delete)
	From     []string // of the event's value, a path; empty: all of it
	Optional bool     // an event with nothing at From leaves the step out
	Value    []byte   // JSON, instead of what the event has
	By       string   // upsert: the member that tells elements apart, by its JSON value: 1 is 1.0
}

// ByType says what events of each type do. A tombstone deletes, whatever they say.
type ByType struct {
	Types   map[string][]Step
	Any     []Step // for types that have none
	Unknown bool   // types that have no steps are left out; otherwise they are poison
}

// New compiles the handlers and returns what makes folds of them, for Source.New.
func (h ByType) New() (func() (fold.Fold, error), error) {
	c := &compiled{types: map[string]*handler{}, unknown: h.Unknown}
	var wrong []string
	by := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(h.Types)) {
		steps, err := compile(h.Types[name], by)
		if err != nil {
			wrong = append(wrong, fmt.Sprintf("%s: %v", name, err))
		}
		c.types[name] = steps
	}
	if len(h.Types) == 0 && h.Any == nil {
		wrong = append(wrong, "there are none: name a type of event and its steps")
	}
	if h.Any != nil {
		var err error
		if c.any, err = compile(h.Any, by); err != nil {
			wrong = append(wrong, fmt.Sprintf("any: %v", err))
		}
	}
	if len(wrong) > 0 {
		return nil, fmt.Errorf("fold: handlers that cannot work: %s", strings.Join(wrong, "; "))
	}
	return func() (fold.Fold, error) { return &stepFold{compiled: c}, nil }, nil
}

// compiled is handlers, shared by all folds.
type compiled struct {
	types   map[string]*handler
	any     *handler
	unknown bool
}

// handler is the steps of a type, and the members of the event's value that they need.
type handler struct {
	needs []string
	steps []step
}

type step struct {
	Step
	field  [][]byte // names as they are between quotes
	member int      // of needs; -1: all of the value, or none of it
	rest   []string // behind the first name of From
}

func compile(steps []Step, by map[string]string) (*handler, error) {
	h := &handler{}
	for i, s := range steps {
		if err := s.check(by); err != nil {
			return nil, fmt.Errorf("step %d (%s): %w", i+1, s.Do, err)
		}
		if i > 0 && steps[i-1].Do == Delete {
			return nil, fmt.Errorf("step %d (%s): it stands behind delete, which ends its list; move it before delete, or remove it", i+1, s.Do)
		}
		c := step{Step: s, member: -1}
		for _, name := range s.Field {
			quoted := rawjson.AppendQuoted(nil, name)
			c.field = append(c.field, quoted[1:len(quoted)-1])
		}
		c.Value = bytes.TrimSpace(s.Value)
		if len(c.Value) == 0 && len(s.From) > 0 {
			if c.member = slices.Index(h.needs, s.From[0]); c.member < 0 {
				c.member = len(h.needs)
				h.needs = append(h.needs, s.From[0])
			}
			c.rest = s.From[1:]
		}
		h.steps = append(h.steps, c)
	}
	return h, nil
}
