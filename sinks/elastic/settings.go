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

// load is what the load needs.
func load() settings {
	return settings{
		"index.refresh_interval":              json.RawMessage(`"-1"`), // searches see nothing, segments grow large
		"index.number_of_replicas":            json.RawMessage(`"0"`),  // copied once when full, not indexed twice
		"index.auto_expand_replicas":          json.RawMessage(`"false"`),
		"index.translog.durability":           json.RawMessage(`"async"`),
		"index.translog.flush_threshold_size": json.RawMessage(`"2gb"`), // a flush for each segment, not for each 512 MB
		gcDeletes:                             json.RawMessage(`"24h"`), // how long a delete beats a late write
	}
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

// overlay puts the load's settings over s and returns the journal: what s (or else the
// templates that apply) wants in their place, null for the server's default.
func (s settings) overlay(templates settings) (all settings, journal map[string]json.RawMessage) {
	all, journal = settings{}, map[string]json.RawMessage{}
	maps.Copy(all, s)
	for key, value := range load() {
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

// managed names the policy that would change or delete the index behind our back.
func (s settings) managed() string {
	for key := range s {
		for _, policy := range policies {
			if strings.HasPrefix(key, policy) {
				return key
			}
		}
	}
	return ""
}

// policies are the settings of index lifecycle management (Elasticsearch) and index
// state management (OpenSearch).
var policies = []string{"index.lifecycle.name", "index.lifecycle.rollover_alias", "index.plugins.index_state_management.", "index.opendistro.index_state_management."}
