package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"path"
	"slices"
	"strings"

	"humpty/sinks/elastic/transport"
)

// warnings says what will hurt a rebuild. What the account may not read is not judged,
// and that is said.
func (t *Target) warnings(ctx context.Context, all map[string]found) ([]string, error) {
	var list []string
	for name, f := range all {
		if _, ours := f.ours(t.cfg.Alias); !ours {
			continue
		}
		for key := range f.Settings {
			if slices.ContainsFunc(policies, func(p string) bool { return strings.HasPrefix(key, p) }) {
				list = append(list, fmt.Sprintf("generation %s is under a lifecycle policy (%s = %v), which may roll it over, shrink or delete it", name, key, f.Settings[key]))
			}
		}
	}
	slices.Sort(list)
	cluster, err := t.clusterSettings(ctx)
	var no *transport.ResponseError
	switch {
	case errors.As(err, &no):
		return append(list, "whether writers can create an index on the alias's name, and how full the disks may become, could not be read: "+no.Error()), nil
	case err != nil:
		return nil, err
	}
	if auto := cluster.text("action.auto_create_index"); creates(auto, t.cfg.Alias) {
		rest := auto // what the setting allows besides stays allowed
		if rest == "" || rest == "true" {
			rest = "*"
		}
		list = append(list, fmt.Sprintf("writers can create an index on the name %[1]s while the alias is missing (action.auto_create_index is %[2]q), and nothing could be swapped then; "+
			"let them write with require_alias=true, or PUT /_cluster/settings {\"persistent\":{\"action.auto_create_index\":\"-%[1]s,%[3]s\"}}", t.cfg.Alias, orTrue(auto), rest))
	}
	full, err := t.fullDisks(ctx, cluster)
	return append(list, full...), err
}

func orTrue(auto string) string {
	if auto == "" {
		return "true"
	}
	return auto
}

// creates tells whether action.auto_create_index lets a write create the index: true,
// false, or patterns of which the first that matches decides.
func creates(auto, name string) bool {
	switch auto {
	case "", "true":
		return true
	case "false":
		return false
	}
	for pattern := range strings.SplitSeq(auto, ",") {
		pattern = strings.TrimSpace(pattern)
		glob := strings.TrimLeft(pattern, "+-")
		if ok, err := path.Match(glob, name); err == nil && ok {
			return !strings.HasPrefix(pattern, "-")
		}
	}
	return false
}

// clusterSettings are the settings in force: transient before persistent before default.
type clusterSettings struct {
	Transient, Persistent, Defaults map[string]json.RawMessage
}

func (t *Target) clusterSettings(ctx context.Context) (clusterSettings, error) {
	var s clusterSettings
	r := transport.Request{Method: "GET", Path: "/_cluster/settings?include_defaults=true&flat_settings=true", RetryFor: transport.DefaultRetry}
	return s, t.Call(ctx, r, &s)
}

// text is a setting's value; lists are joined as they are written.
func (s clusterSettings) text(key string) string {
	for _, level := range []map[string]json.RawMessage{s.Transient, s.Persistent, s.Defaults} {
		raw, ok := level[key]
		if !ok {
			continue
		}
		var one string
		var many []string
		if json.Unmarshal(raw, &one) == nil {
			return one
		}
		if json.Unmarshal(raw, &many) == nil {
			return strings.Join(many, ",")
		}
	}
	return ""
}
