package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"

	"humpty/internal/canonjson"
	"humpty/sinks"
	"humpty/sinks/elastic/spelling"
	"humpty/sinks/elastic/transport"
)

// definitionDiff compares the index with what was asked for.
type definitionDiff struct{ *metaRecord }

// DiffDefinition compares the index with what the target made of the definition when it was
// new. One of an earlier version does not say what that was: then it is compared with what was
// asked for, and the target's own additions and spellings do not count as far as they are known.
func (x definitionDiff) DiffDefinition(ctx context.Context, raw []byte) ([]string, error) {
	d, err := parseDefinition(raw)
	if err != nil {
		return nil, err
	}
	has, err := x.made(ctx)
	if err != nil {
		return nil, err
	}
	was, err := x.spelling()
	if err != nil {
		return nil, err
	}
	if was != nil {
		return was.Drift(d.spelled(), has, x.journal()), nil
	}
	deviations := d.settings.deviations(has.Settings, x.journal())
	m := &mappingCheck{}
	for _, key := range slices.Sorted(maps.Keys(d.mappings)) {
		if key == "_meta" {
			continue
		}
		m.compare("mappings."+key, d.mappings[key], has.Mappings[key])
	}
	if len(m.unechoed) > 0 {
		if err := x.defaults(ctx, m); err != nil {
			return nil, err
		}
	}
	deviations = append(deviations, m.deviations...)
	slices.Sort(deviations)
	return deviations, nil
}

// noteSpelling writes the meta down, and in it how the target spells the definition, while the index
// is new and empty.
func (x definitionDiff) noteSpelling(ctx context.Context, m sinks.Meta, d definition) error {
	has, err := x.made(ctx)
	if err != nil {
		return err
	}
	raw, err := json.Marshal(spelling.Of(d.spelled(), has, x.journal()))
	if err != nil {
		return fmt.Errorf("encode how the definition of %s is spelled: %w", x.name, err)
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	m.PendingSettings, m.Spelling = x.meta.PendingSettings, raw
	return x.note(ctx, m)
}

// spelling is what was written down; nil for an index of an earlier version.
func (x definitionDiff) spelling() (*spelling.Spelling, error) {
	x.mu.Lock()
	raw := x.meta.Spelling
	x.mu.Unlock()
	if len(raw) == 0 {
		return nil, nil
	}
	var s spelling.Spelling
	if err := json.Unmarshal(raw, &s); err != nil || s.Version != 1 {
		return nil, transport.Guardf("use the version of humpty that made it, or rebuild", "index %s says in a way of another version of humpty how its definition was spelled", x.name)
	}
	return &s, nil
}

// made reads what the index is made of.
func (x definitionDiff) made(ctx context.Context) (spelling.Definition, error) {
	var all map[string]struct {
		Mappings map[string]json.RawMessage `json:"mappings"`
		Settings settings                   `json:"settings"`
	}
	path := x.path + "?flat_settings=true"
	if err := x.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: transport.DefaultRetry}, &all); err != nil {
		return spelling.Definition{}, x.Explain("read the definition of index "+x.name, err)
	}
	return spelling.Definition{Settings: all[x.name].Settings, Mappings: all[x.name].Mappings}, nil
}

// spelled is the definition as it was asked for.
func (d definition) spelled() spelling.Definition {
	return spelling.Definition{Settings: d.settings, Mappings: d.mappings}
}

// deviations lists the settings that are not as asked for. What the journal still holds
// (gc_deletes until the generation is live) is due later.
func (s settings) deviations(has settings, due map[string]json.RawMessage) []string {
	var all []string
	for key, want := range s {
		have, there := has[key]
		if _, later := due[key]; later || string(want) == "null" {
			continue
		}
		if !there {
			have = json.RawMessage("nothing")
		}
		if plainValue(want) != plainValue(have) {
			all = append(all, fmt.Sprintf("settings.%s is %s, not %s", key, have, want))
		}
	}
	return all
}

// plainValue is a value without regard to whether it is spelled as a string.
func plainValue(raw json.RawMessage) string {
	var text string
	if json.Unmarshal(raw, &text) == nil {
		raw = json.RawMessage(text)
	}
	var f canonjson.Form
	if form, err := f.Of(raw); err == nil {
		return string(form)
	}
	return string(raw)
}

// mappingCheck compares mappings, leaf by leaf.
type mappingCheck struct {
	deviations []string
	unechoed   []unechoedLeaf // not echoed by the server: perhaps a default, which it leaves out
}

type unechoedLeaf struct {
	path string // mappings.properties.customer.properties.name.index
	want json.RawMessage
}

func (m *mappingCheck) compare(path string, want, have json.RawMessage) {
	var w, h map[string]json.RawMessage
	switch {
	case json.Unmarshal(want, &w) == nil && w != nil:
		_ = json.Unmarshal(have, &h) // else nothing of it is there
		for _, key := range slices.Sorted(maps.Keys(w)) {
			m.compare(path+"."+key, w[key], h[key])
		}
	case have == nil:
		m.unechoed = append(m.unechoed, unechoedLeaf{path, want})
	case !sameValue(want, have):
		m.deviations = append(m.deviations, fmt.Sprintf("%s is %s, not %s", path, have, want))
	}
}

// sameValue compares leaves; a list of one is its element.
func sameValue(want, have json.RawMessage) bool {
	var one []json.RawMessage
	if json.Unmarshal(want, &one) == nil && len(one) == 1 && !bytes.HasPrefix(bytes.TrimSpace(have), []byte("[")) {
		want = one[0]
	}
	return plainValue(want) == plainValue(have)
}

// defaults asks for the fields in full, and holds the open leaves against that.
func (x definitionDiff) defaults(ctx context.Context, m *mappingCheck) error {
	var all map[string]struct {
		Mappings map[string]struct {
			Mapping map[string]map[string]json.RawMessage `json:"mapping"`
		} `json:"mappings"`
	}
	path := x.path + "/_mapping/field/*?include_defaults=true"
	if err := x.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: transport.DefaultRetry}, &all); err != nil {
		return x.Explain("read the fields of index "+x.name, err)
	}
	for _, leaf := range m.unechoed {
		field, parameter := fieldOf(leaf.path)
		full := all[x.name].Mappings[field].Mapping[field[strings.LastIndex(field, ".")+1:]]
		have, there := full[parameter]
		switch {
		case there && sameValue(leaf.want, have), isImplied(field, parameter, leaf.want):
		case there:
			m.deviations = append(m.deviations, fmt.Sprintf("%s is %s, not %s", leaf.path, have, leaf.want))
		default:
			m.deviations = append(m.deviations, fmt.Sprintf("%s is not there; %s was asked for", leaf.path, leaf.want))
		}
	}
	return nil
}

// isImplied are what the server drops since it means nothing: the type of an object, and
// defaults of the root.
func isImplied(field, parameter string, want json.RawMessage) bool {
	switch parameter {
	case "type":
		return plainValue(want) == "object"
	case "dynamic":
		return field == "" && plainValue(want) == "true"
	case "date_detection", "enabled":
		return plainValue(want) == "true"
	case "numeric_detection", "required":
		return plainValue(want) == "false"
	}
	return false
}

// fieldOf takes the path of a leaf apart: customer.name and index.
func fieldOf(path string) (field, parameter string) {
	parts := strings.Split(path, ".")
	parameter = parts[len(parts)-1]
	var names []string
	for i := 1; i+1 < len(parts)-1; i++ {
		if parts[i] == "properties" || parts[i] == "fields" {
			names = append(names, parts[i+1])
			i++
		}
	}
	return strings.Join(names, "."), parameter
}
