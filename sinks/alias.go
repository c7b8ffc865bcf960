package sinks

import (
	"bytes"
	"encoding/json"
	"fmt"
)

// AliasAction is one step of a change, as `_aliases` takes it.
type AliasAction struct {
	Verb          string          `json:"verb"` // add | remove | remove_index
	Index         string          `json:"index"`
	Alias         string          `json:"alias,omitempty"`
	WriteIndex    *bool           `json:"is_write_index,omitempty"`
	Filter        json.RawMessage `json:"filter,omitempty"`
	Routing       string          `json:"routing,omitempty"` // of reads and writes by id
	SearchRouting string          `json:"search_routing,omitempty"`
	Hidden        *bool           `json:"is_hidden,omitempty"`
}

// AliasChange makes the alias serve To: all of it at once, or nothing.
type AliasChange struct {
	Alias   string        `json:"alias"`
	To      string        `json:"to"`
	Actions []AliasAction `json:"actions"`
}

// Writable reports whether To takes writes through the alias afterwards.
func (c AliasChange) Writable() bool {
	flag := c.Added().WriteIndex
	return flag == nil || *flag
}

// Added is the step that sets the alias on To.
func (c AliasChange) Added() AliasAction {
	for _, a := range c.Actions {
		if a.Verb == "add" && a.Index == c.To {
			return a
		}
	}
	return AliasAction{Verb: "add", Index: c.To, Alias: c.Alias}
}

// NameConflict is the error of SwapTo when a concrete index sits on the alias's name: a writer
// made it after the loss. Nothing can be swapped before it is gone.
type NameConflict struct {
	Index ConflictingIndex
	To    string
}

func (t *NameConflict) Error() string {
	return fmt.Sprintf("an index (not an alias) sits on the name %q, with %d documents: a writer created it while the alias was gone",
		t.Index.Index, t.Index.Documents)
}

// SwapTo computes the change that makes the alias serve the generation `to`, and only it.
// replace names a concrete index on the alias's name that the user agreed to delete in
// the same call; without it such an index is a *NameConflict. Filter, routing and write flag
// of the alias are carried over from what serves now. Where that is several indices, so are
// filter and routing, unless they are not the same on all: see SameProperties.
func (s Survey) SwapTo(to, replace string) (AliasChange, error) {
	if _, ok := s.Find(to); !ok {
		return AliasChange{}, s.Refuse(to)
	}
	change := AliasChange{Alias: s.Alias, To: to}
	add := AliasAction{Verb: "add", Index: to, Alias: s.Alias}
	switch {
	case s.Conflict != nil && s.Conflict.Index != replace:
		return AliasChange{}, &NameConflict{Index: *s.Conflict, To: to}
	case s.Conflict != nil:
		change.Actions = append(change.Actions, AliasAction{Verb: "remove_index", Index: s.Conflict.Index})
	}
	for _, was := range s.Serving {
		if was.Index != to {
			change.Actions = append(change.Actions, AliasAction{Verb: "remove", Index: was.Index, Alias: s.Alias})
		}
	}
	if len(s.Serving) > 0 && s.SameProperties() {
		add = s.Serving[0].Action(s.Alias)
		add.Index = to
		if len(s.Serving) > 1 || s.Partial() != "" { // one of several took the writes, or it was closed for them until now
			add.WriteIndex = nil
		}
	}
	change.Actions = append(change.Actions, add)
	return change, nil
}

// SameProperties tells whether the alias has the same filter and routing on all indices that
// it serves.
func (s Survey) SameProperties() bool {
	for _, serving := range s.Serving {
		first := s.Serving[0]
		if !bytes.Equal(serving.Filter, first.Filter) || serving.Routing != first.Routing || serving.SearchRouting != first.SearchRouting {
			return false
		}
	}
	return true
}
