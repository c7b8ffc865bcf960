package spelling

import (
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"humpty/internal/canonjson"
)

// leaves are the values of a tree of objects by their paths, as JSON pointers.
type leaves map[string]json.RawMessage

// escape writes a name into a path.
var escape = strings.NewReplacer("~", "~0", "/", "~1")

// unescape reads it from there.
var unescape = strings.NewReplacer("~1", "/", "~0", "~")

// add takes a value apart; what is no object, or an empty one, is a leaf.
func (l leaves) add(path string, raw json.RawMessage) {
	var object map[string]json.RawMessage
	if json.Unmarshal(raw, &object) != nil || len(object) == 0 {
		l[path] = raw
		return
	}
	for name, value := range object {
		l.add(path+"/"+escape.Replace(name), value)
	}
}

// mappings are the leaves of mappings, without _meta.
func mappings(all map[string]json.RawMessage) leaves {
	l := leaves{}
	for name, value := range all {
		if name != "_meta" {
			l.add("/mappings/"+escape.Replace(name), value)
		}
	}
	return l
}

func (l leaves) paths() []string { return slices.Sorted(maps.Keys(l)) }

// tokens are the names of a path.
func tokens(path string) []string {
	all := strings.Split(path, "/")[1:]
	for i, token := range all {
		all[i] = unescape.Replace(token)
	}
	return all
}

// shown is a path as people write it.
func shown(path string) string { return strings.Join(tokens(path), ".") }

// same compares values without regard to whether they are spelled as texts.
func same(a, b json.RawMessage) bool { return plain(a) == plain(b) }

func plain(raw json.RawMessage) string {
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
