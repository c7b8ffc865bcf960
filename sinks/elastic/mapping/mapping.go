package mapping

import (
	"encoding/json"
	"strings"
)

// Mapping is the mapping of an index, with the templates that apply to it.
type Mapping struct {
	root     *node
	source   map[string]json.RawMessage // _source
	required bool                       // _routing is
	settings map[string]json.RawMessage // flat
	fields   int                        // that count for the limit
	clashes  []string                   // fields that one mapping has as an object, and another as a value
}

// node is an object or a field.
type node struct {
	kind       string // its type; empty for an object
	parameters map[string]json.RawMessage
	children   map[string]*node
}

// New reads mappings, the later over the earlier, and settings.
func New(settings map[string]json.RawMessage, mappings ...map[string]json.RawMessage) Mapping {
	m := Mapping{root: &node{children: map[string]*node{}, parameters: map[string]json.RawMessage{}}, settings: settings}
	for _, one := range mappings {
		m.root.read(one, "", &m.clashes)
		if raw, ok := one["_source"]; ok {
			_ = json.Unmarshal(raw, &m.source) // else the target says what is wrong with it
		}
		var routing struct{ Required any }
		if json.Unmarshal(one["_routing"], &routing) == nil && routing.Required != nil {
			m.required = truth(routing.Required)
		}
		var runtime map[string]json.RawMessage
		_ = json.Unmarshal(one["runtime"], &runtime)
		m.fields += len(runtime)
	}
	m.fields += m.root.count()
	return m
}

// read takes over the parameters and the properties of an object or a field.
func (n *node) read(raw map[string]json.RawMessage, path string, clashes *[]string) {
	kind := text(raw["type"])
	if value := kind != "" && kind != "object" && kind != "nested"; value && len(n.children) > 0 || len(raw["properties"]) > 0 && !n.isObject() {
		*clashes = append(*clashes, path)
	}
	for name, value := range raw {
		if name != "properties" {
			n.parameters[name] = value
		}
	}
	if kind != "" && kind != "object" {
		n.kind = kind
	}
	var properties map[string]map[string]json.RawMessage
	if json.Unmarshal(raw["properties"], &properties) != nil {
		return
	}
	for name, field := range properties {
		n.child(name).read(field, join(path, name), clashes)
	}
}

// child finds or makes a field; a name with dots is one below others.
func (n *node) child(name string) *node {
	at := n
	for part := range strings.SplitSeq(name, ".") {
		next := at.children[part]
		if next == nil {
			next = &node{children: map[string]*node{}, parameters: map[string]json.RawMessage{}}
			at.children[part] = next
		}
		at = next
	}
	return at
}

// count is how many fields there are, objects and further fields of fields too.
func (n *node) count() int {
	sum := 0
	for _, child := range n.children {
		var further map[string]json.RawMessage
		_ = json.Unmarshal(child.parameters["fields"], &further)
		sum += 1 + len(further) + child.count()
	}
	return sum
}

// isObject tells whether it takes an object with any fields of its own.
func (n *node) isObject() bool { return n.kind == "" || n.kind == "nested" }

func text(raw json.RawMessage) string {
	var s string
	if json.Unmarshal(raw, &s) != nil {
		return strings.TrimSpace(string(raw))
	}
	return s
}

func truth(v any) bool { return v == true || v == "true" }

func on(raw json.RawMessage) bool { return text(raw) == "true" }

func off(raw json.RawMessage) bool { return text(raw) == "false" }
