package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// stepJSON is a step as it is written: one verb with its field, and what it needs.
type stepJSON struct {
	Set       *string         `json:"set"`
	Unset     *string         `json:"unset"`
	Increment *string         `json:"increment"`
	Append    *string         `json:"append"`
	Upsert    *string         `json:"upsert"`
	Merge     *string         `json:"merge"`
	Delete    *bool           `json:"delete"`
	From      string          `json:"from"`
	Value     json.RawMessage `json:"value"`
	By        string          `json:"by"`
}

// Read reads handlers as JSON: steps by type, $any for the types without, and
// "$unknown": "ignore" to leave those out. A step is its verb with a field, and a value or
// where in the event it is from:
//
//	{"OrderPlaced": [{"set": "status", "value": "placed"}, {"set": "customer.name", "from": "who.name"}],
//	 "ItemAdded":   [{"upsert": "lines", "from": "item", "by": "sku"}, {"increment": "total", "from": "item.price"}],
//	 "Cancelled":   [{"delete": true}]}
func Read(text []byte) (ByType, error) {
	var all map[string]json.RawMessage
	if err := json.Unmarshal(text, &all); err != nil {
		return ByType{}, fmt.Errorf("handlers: %w", err)
	}
	h := ByType{Types: map[string][]Step{}}
	var wrong []error
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if name == "$unknown" {
			if h.Unknown = string(all[name]) == `"ignore"`; !h.Unknown {
				wrong = append(wrong, errors.New(`$unknown can only be "ignore"; without it unknown types are poison`))
			}
			continue
		}
		steps, err := parseSteps(all[name])
		if err != nil {
			wrong = append(wrong, fmt.Errorf("%s: %w", name, err))
		}
		if name == "$any" {
			h.Any = steps
		} else {
			h.Types[name] = steps
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return ByType{}, fmt.Errorf("handlers: %w", err)
	}
	return h, nil
}

func parseSteps(text json.RawMessage) ([]Step, error) {
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var all []stepJSON
	if err := d.Decode(&all); err != nil {
		return nil, err
	}
	steps := make([]Step, 0, len(all))
	for i, w := range all {
		s, err := w.step()
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", i+1, err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func (w stepJSON) step() (s Step, err error) {
	verbs := 0
	for _, v := range []struct {
		verb  Verb
		field *string
	}{{Set, w.Set}, {Unset, w.Unset}, {Increment, w.Increment}, {Append, w.Append}, {Upsert, w.Upsert}, {Merge, w.Merge}} {
		if v.field != nil {
			verbs++
			s.Do, s.Field = v.verb, path(*v.field)
		}
	}
	if w.Delete != nil {
		verbs++
		s.Do = Delete
	}
	if verbs != 1 {
		return s, fmt.Errorf("it has %d verbs; a step is one of set, unset, increment, append, upsert, merge and delete", verbs)
	}
	s.From, s.Value, s.By = path(w.From), w.Value, w.By
	return s, nil
}

func path(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ".")
}
