package spelling

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
)

// Definition is what makes an index: settings flat, mappings at their top level.
type Definition struct {
	Settings map[string]json.RawMessage
	Mappings map[string]json.RawMessage
}

// Spelling is where a new index was not, word for word, what was asked for: a path and what
// is there, null for nothing.
type Spelling struct {
	Version int                        `json:"version"` // 1
	Changed map[string]json.RawMessage `json:"changed,omitempty"`
}

// nothing stands for what is not there.
var nothing = json.RawMessage("null")

// Of compares a new and empty index with its definition. due are settings of the load: they
// are as they are to be later.
func Of(want, has Definition, due map[string]json.RawMessage) Spelling {
	s := Spelling{Version: 1, Changed: map[string]json.RawMessage{}}
	asked, made := mappings(want.Mappings), mappings(has.Mappings)
	for path, value := range asked {
		have, there := made[path]
		switch {
		case !there:
			s.Changed[path] = nothing
		case !same(value, have):
			s.Changed[path] = have
		}
	}
	for path, have := range made {
		if _, there := asked[path]; !there {
			s.Changed[path] = have
		}
	}
	for key, value := range want.Settings {
		have, there := has.Settings[key]
		switch _, later := due[key]; {
		case later, isNull(value):
		case !there:
			s.Changed[settingPath(key)] = nothing
		case !same(value, have):
			s.Changed[settingPath(key)] = have
		}
	}
	return s
}

// Drift lists in words where the index is not what the target made of the definition. due are
// settings that are as they are to be later.
func (s Spelling) Drift(want, has Definition, due map[string]json.RawMessage) []string {
	d := &drift{expected: mappings(want.Mappings), have: mappings(has.Mappings)}
	for path, value := range s.Changed {
		switch {
		case !strings.HasPrefix(path, "/mappings/"):
		case isNull(value):
			delete(d.expected, path)
		default:
			d.expected[path] = value
		}
	}
	d.lost()
	d.added(mappings(want.Mappings))
	for key, value := range want.Settings {
		if spelled, ok := s.Changed[settingPath(key)]; ok {
			value = spelled
		}
		if _, later := due[key]; !later && !isNull(value) && !replicasFollow(key, want.Settings) {
			d.setting(key, value, has.Settings)
		}
	}
	slices.Sort(d.found)
	return d.found
}

func settingPath(key string) string { return "/settings/" + escape.Replace(key) }

func isNull(raw json.RawMessage) bool { return string(raw) == "null" }

// replicasFollow tells whether the target counts the copies by itself.
func replicasFollow(key string, settings map[string]json.RawMessage) bool {
	expand, ok := settings["index.auto_expand_replicas"]
	return key == "index.number_of_replicas" && ok && plain(expand) != "false"
}

// drift is a comparison on its way.
type drift struct {
	expected, have leaves
	found          []string
}

func (d *drift) setting(key string, want json.RawMessage, has map[string]json.RawMessage) {
	have, there := has[key]
	if !there {
		have = json.RawMessage("nothing")
	}
	if !there || !same(want, have) {
		d.found = append(d.found, fmt.Sprintf("settings.%s is %s, not %s", key, have, want))
	}
}

// lost finds what is another than it was made, or gone.
func (d *drift) lost() {
	for _, path := range d.expected.paths() {
		want := d.expected[path]
		have, there := d.have[path]
		switch {
		case !there && d.fellAway(path, want):
		case !there:
			d.found = append(d.found, fmt.Sprintf("%s is not there; %s was asked for", shown(path), want))
		case !same(want, have):
			d.found = append(d.found, fmt.Sprintf("%s is %s, not %s", shown(path), have, want))
		}
	}
}

// fellAway tells of what an empty object says of itself, and drops when a field comes into it.
func (d *drift) fellAway(path string, want json.RawMessage) bool {
	parent, name := path[:strings.LastIndexByte(path, '/')], path[strings.LastIndexByte(path, '/')+1:]
	switch {
	case name == "type" && plain(want) == "object":
		return true
	case string(want) == "{}":
		return d.have.under(path) || d.have.under(parent)
	}
	return false
}

// under tells whether anything lies below a path.
func (l leaves) under(path string) bool {
	for p := range l {
		if strings.HasPrefix(p, path+"/") {
			return true
		}
	}
	return false
}

// added finds what was not there, but for fields that documents may bring with them.
func (d *drift) added(asked leaves) {
	told := map[string]bool{}
	for _, path := range d.have.paths() {
		if _, there := d.expected[path]; there || same(asked[path], d.have[path]) {
			continue
		}
		at, dynamic := d.newField(path)
		if dynamic || told[at] {
			continue
		}
		told[at] = true
		if at == path {
			d.found = append(d.found, fmt.Sprintf("%s is %s; nothing was asked for", shown(at), d.have[path]))
			continue
		}
		d.found = append(d.found, fmt.Sprintf("%s was added; it was not asked for", shown(at)))
	}
}

// newField finds the field of a path that is not expected, and whether its object takes
// fields that documents bring. A path in a field that was there is its own.
func (d *drift) newField(path string) (at string, dynamic bool) {
	parts := strings.Split(path, "/")[1:]
	takes, prefix := "true", ""
	for i := 0; i < len(parts); i++ {
		if said, ok := d.expected[prefix+"/dynamic"]; ok {
			takes = plain(said)
		}
		if i == 1 && parts[i] == "runtime" && takes == "runtime" {
			return path, true
		}
		prefix += "/" + parts[i]
		if parts[i] != "properties" || i+1 >= len(parts) {
			continue
		}
		i++
		if _, leaf := d.expected[prefix+"/"+parts[i]]; !leaf && !d.expected.under(prefix+"/"+parts[i]) {
			return prefix + "/" + parts[i], takes == "true" || takes == "strict_allow_templates" || takes == "false_allow_templates"
		}
		prefix += "/" + parts[i]
		switch plain(d.expected[prefix+"/type"]) {
		case "dense_vector", "semantic_text": // complete themselves by the first document
			return path, true
		}
	}
	return path, false
}
