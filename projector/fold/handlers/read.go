package handlers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"humpty/internal/rawjson"
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
	Optional  bool            `json:"optional"`
	By        string          `json:"by"`
}

// Read reads handlers as JSON: steps by type, $any for the types without, and
// "$unknown": "ignore" to leave those out. A step is its verb with a field, and a value or
// where in the event it is from:
//
//	{"OrderPlaced": [{"set": "status", "value": "placed"}, {"set": "customer.name", "from": "who.name"}],
//	 "ItemAdded":   [{"upsert": "lines", "from": "item", "by": "sku"}, {"increment": "total", "from": "item.price"}],
//	 "Cancelled":   [{"delete": true}]}
//
// A step whose from the event has not makes it poison, unless "optional": true leaves the
// step out. Delete is the last step of its list.
func Read(text []byte) (ByType, error) {
	if err := rawjson.Check(text); err != nil {
		return ByType{}, fmt.Errorf("handlers: they are %w", err)
	}
	if rawjson.Kind(rawjson.Trim(text)) != '{' {
		return ByType{}, errors.New("handlers: they are no object of steps by type of event")
	}
	h := ByType{Types: map[string][]Step{}}
	var wrong []error
	seen := map[string]bool{}
	for w := rawjson.Into(text); w.Next(); {
		name := string(rawjson.AppendUnquoted(nil, w.Name))
		if seen[name] {
			wrong = append(wrong, fmt.Errorf("%s is there twice", name))
		}
		seen[name] = true
		if err := h.read(name, w.Value); err != nil {
			wrong = append(wrong, err)
		}
	}
	if err := errors.Join(wrong...); err != nil {
		return ByType{}, fmt.Errorf("handlers: %w", err)
	}
	return h, nil
}

// read reads what is said of one type, or of those that are not named.
func (h *ByType) read(name string, text []byte) error {
	if name == "$unknown" {
		if h.Unknown = string(text) == `"ignore"`; !h.Unknown {
			return errors.New(`$unknown can only be "ignore"; without it unknown types are poison`)
		}
		return nil
	}
	if strings.HasPrefix(name, "$") && name != "$any" {
		return fmt.Errorf("unknown %s: there are $any and $unknown; a type that begins with $ is handled in $any", name)
	}
	steps, err := parseSteps(text)
	if err != nil {
		return fmt.Errorf("%s: %w", name, err)
	}
	if name == "$any" {
		h.Any = steps
	} else {
		h.Types[name] = steps
	}
	return nil
}

func parseSteps(text []byte) ([]Step, error) {
	if rawjson.Kind(text) != '[' {
		return nil, errors.New("its steps are no list")
	}
	steps := []Step{}
	for list := rawjson.Into(text); list.Next(); {
		s, err := parseStep(list.Value)
		if err != nil {
			return nil, fmt.Errorf("step %d: %w", len(steps)+1, err)
		}
		steps = append(steps, s)
	}
	return steps, nil
}

func parseStep(text []byte) (s Step, err error) {
	if rawjson.Kind(text) != '{' {
		return s, errors.New("it is no object")
	}
	seen := map[string]bool{}
	for w := rawjson.Into(text); w.Next(); {
		name := strings.ToLower(string(rawjson.AppendUnquoted(nil, w.Name))) // as package json matches it
		if seen[name] {
			return s, fmt.Errorf("%s is there twice", name)
		}
		if seen[name] = true; rawjson.Kind(w.Value) == 'n' && name != "value" {
			return s, fmt.Errorf("%s is null", name)
		}
	}
	d := json.NewDecoder(bytes.NewReader(text))
	d.DisallowUnknownFields()
	var w stepJSON
	if err := d.Decode(&w); err != nil {
		return s, err
	}
	return w.step()
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
		if !*w.Delete {
			return s, errors.New("delete can only be true; leave the step out")
		}
		verbs++
		s.Do = Delete
	}
	if verbs != 1 {
		return s, fmt.Errorf("it has %d verbs; a step is one of set, unset, increment, append, upsert, merge and delete", verbs)
	}
	s.From, s.Optional, s.Value, s.By = path(w.From), w.Optional, w.Value, w.By
	return s, nil
}

func path(s string) []string {
	if s == "" {
		return nil
	}
	return strings.Split(s, ".")
}
