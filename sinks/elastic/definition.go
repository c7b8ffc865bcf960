package elastic

import (
	"bytes"
	"encoding/json"
	"fmt"

	"humpty/sinks"
)

// definition is what the user wrote, taken apart as far as needed.
type definition struct {
	settings settings
	mappings map[string]json.RawMessage // top level; what is below is kept byte for byte
	userMeta map[string]json.RawMessage // the user's keys of _meta
}

func parseDefinition(raw json.RawMessage) (definition, error) {
	d := definition{mappings: map[string]json.RawMessage{}, userMeta: map[string]json.RawMessage{}}
	if len(bytes.TrimSpace(raw)) == 0 {
		raw = json.RawMessage("{}")
	}
	var top map[string]json.RawMessage
	if err := json.Unmarshal(raw, &top); err != nil {
		return d, wrongDefinition("write {\"settings\": {…}, \"mappings\": {…}}", "it is not a JSON object: %v", err)
	}
	for key, value := range top {
		var err error
		switch key {
		case "settings":
			d.settings, err = flatten(value)
		case "mappings":
			if err = json.Unmarshal(value, &d.mappings); d.mappings == nil {
				d.mappings = map[string]json.RawMessage{}
			}
		case "aliases":
			var aliases map[string]json.RawMessage
			if err = json.Unmarshal(value, &aliases); err == nil && len(aliases) > 0 {
				return d, wrongDefinition("leave aliases out; the swap sets the projection's alias", "its aliases would serve the index while it is still empty")
			}
		default:
			return d, wrongDefinition("only settings and mappings belong there", "it has the unknown key %q", key)
		}
		if err != nil {
			return d, wrongDefinition("", "its %s: %v", key, err)
		}
	}
	if meta, ok := d.mappings["_meta"]; ok {
		if err := json.Unmarshal(meta, &d.userMeta); err != nil {
			return d, wrongDefinition("", "its mappings._meta: %v", err)
		}
	}
	if d.userMeta == nil {
		d.userMeta = map[string]json.RawMessage{} // it was null
	}
	delete(d.userMeta, metaKey)
	return d, d.settings.check("the definition of the index is wrong: its", "leave it out")
}

func wrongDefinition(remedy, what string, args ...any) *Error {
	return &Error{Kind: Definition, What: "the definition of the index is wrong: " + fmt.Sprintf(what, args...), Remedy: remedy}
}

// body is the request that makes the index, with the alias of its first writer and the journal that
// its meta carries.
func (d definition) body(writer string, meta sinks.Meta, templates, load settings) ([]byte, error) {
	var all settings
	all, meta.PendingSettings = d.settings.overlay(templates, load)
	raw, err := metaBody(d.userMeta, meta)
	if err != nil {
		return nil, err
	}
	d.mappings["_meta"] = raw
	return json.Marshal(map[string]any{
		"settings": all,
		"mappings": d.mappings,
		"aliases":  map[string]any{writer: map[string]any{"is_hidden": true}},
	})
}

// metaBody is the whole _meta: the user's keys and humpty's.
func metaBody(own map[string]json.RawMessage, meta sinks.Meta) (json.RawMessage, error) {
	mine, err := json.Marshal(meta)
	if err != nil {
		return nil, fmt.Errorf("encode the meta of a generation: %w", err)
	}
	all := map[string]json.RawMessage{metaKey: mine}
	for key, value := range own {
		all[key] = value
	}
	return json.Marshal(all)
}
