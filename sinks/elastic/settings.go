package elastic

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Settings are flat, "index.refresh_interval", with their values as JSON.
type settings map[string]json.RawMessage

// loadSettings is what the load needs, on nodes with the given attributes.
func loadSettings(nodes map[string]string) (settings, error) {
	s := settings{
		"index.refresh_interval":              json.RawMessage(`"-1"`), // searches see nothing, segments grow large
		"index.number_of_replicas":            json.RawMessage(`"0"`),  // copied once when full, not indexed twice
		"index.auto_expand_replicas":          json.RawMessage(`"false"`),
		"index.translog.durability":           json.RawMessage(`"async"`),
		"index.translog.flush_threshold_size": json.RawMessage(`"2gb"`), // a flush for each segment, not for each 512 MB
		gcDeletes:                             json.RawMessage(`"24h"`), // how long a delete beats a late write
	}
	for attribute, value := range nodes {
		raw, err := json.Marshal(value)
		if err != nil {
			return nil, fmt.Errorf("encode the attribute %s of the nodes to load on: %w", attribute, err)
		}
		s["index.routing.allocation.require."+attribute] = raw
	}
	return s, nil
}

const gcDeletes = "index.gc_deletes"

// flatten reads settings however the user spelled them: flat, nested, in between, with
// or without "index.".
func flatten(raw json.RawMessage) (settings, error) {
	flat := settings{}
	if len(raw) == 0 {
		return flat, nil
	}
	if err := flat.add("", raw); err != nil {
		return nil, err
	}
	return flat, nil
}

func (s settings) add(prefix string, raw json.RawMessage) error {
	var object map[string]json.RawMessage
	raw = bytes.TrimSpace(raw)
	if len(raw) == 0 || raw[0] != '{' || json.Unmarshal(raw, &object) != nil {
		if prefix == "" {
			return fmt.Errorf("settings must be an object")
		}
		key := prefix
		if !strings.HasPrefix(key, "index.") {
			key = "index." + key
		}
		if was, twice := s[key]; twice && !bytes.Equal(was, raw) {
			return fmt.Errorf("setting %s is there twice, as %s and %s", key, was, raw)
		}
		s[key] = raw
		return nil
	}
	for _, key := range slices.Sorted(maps.Keys(object)) {
		full := key
		if prefix != "" {
			full = prefix + "." + key
		}
		if err := s.add(full, object[key]); err != nil {
			return err
		}
	}
	return nil
}

// overlay puts the settings of the load over s and returns the journal: what s (or else the
// templates that apply) wants in their place, null for the server's default.
func (s settings) overlay(templates, load settings) (all settings, journal map[string]json.RawMessage) {
	all, journal = settings{}, map[string]json.RawMessage{}
	maps.Copy(all, s)
	for key, value := range load {
		want := json.RawMessage("null")
		if t, ok := templates[key]; ok {
			want = t
		}
		if u, ok := s[key]; ok {
			want = u
		}
		all[key], journal[key] = value, want
	}
	return all, journal
}

// policy names the policy that would change or delete the index behind our back.
func (s settings) policy() string {
	for key, value := range s {
		if string(value) == "null" || string(value) == `""` {
			continue // said not to be
		}
		for _, policy := range policySettings {
			if strings.HasPrefix(key, policy) {
				return key
			}
		}
	}
	return ""
}

// without is s without what others says itself.
func (s settings) without(others settings) settings {
	left := maps.Clone(s)
	maps.DeleteFunc(left, func(key string, _ json.RawMessage) bool { _, ok := others[key]; return ok })
	return left
}

// check refuses what would change the index or its documents behind humpty's back.
func (s settings) check(whose, remedy string) error {
	if key := s.policy(); key != "" {
		return &Error{Kind: Definition, Remedy: remedy + ", or set it on the live index by hand", What: fmt.Sprintf(
			"%s setting %s puts the index under a lifecycle policy, which may roll over, shrink or delete a generation that humpty manages", whose, key)}
	}
	if key, name := s.pipeline(); key != "" {
		return &Error{Kind: Definition, Remedy: remedy + `, and let the projection make the documents as they are to be; if only what others write is to pass it, set it on the live index by hand, or send ?pipeline=` + name + ` with the writes`, What: fmt.Sprintf(
			"%s setting %s sends every document through the ingest pipeline %s: what is in the index would not be what the sources say, and could not be verified", whose, key, name)}
	}
	return nil
}

// pipeline names the pipeline that would change documents on their way into the index.
func (s settings) pipeline() (key, pipeline string) {
	for _, key := range []string{"index.default_pipeline", "index.final_pipeline"} {
		var name string
		if raw, ok := s[key]; ok && json.Unmarshal(raw, &name) == nil && name != "_none" && name != "" {
			return key, name
		}
	}
	return "", ""
}

// policySettings are the settings of index lifecycle management (Elasticsearch) and index
// state management (OpenSearch).
var policySettings = []string{"index.lifecycle.name", "index.lifecycle.rollover_alias", "index.plugins.index_state_management.", "index.opendistro.index_state_management."}
