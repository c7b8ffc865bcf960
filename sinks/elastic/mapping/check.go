package mapping

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"humpty/internal/field"
	"humpty/internal/problem"
)

// Check holds the fields of documents against the mapping. routed says that documents have a
// routing of their own. Fields that are not known are not checked.
func (m Mapping) Check(fields []field.Field, routed bool) problem.List {
	c := &checker{Mapping: m}
	m.checkSource(&c.problems)
	for _, path := range m.clashes {
		c.refuse("", "narrow the template's index_patterns, so that they do not match the generations, or map the field alike",
			"field %s is an object in one of the definition and an index template that matches, and a value in the other", path)
	}
	c.sorting()
	if fields == nil {
		return c.problems
	}
	if m.required && !routed {
		c.refuse("", "give the documents a routing (routing: of the projection's document), or take _routing.required out",
			"mappings._routing is required, but the documents have none: every one would be refused")
	}
	c.level(m.root, dynamicOf(m.root, "true"), fields, "")
	c.limit()
	return c.problems
}

// checker is a check on its way.
type checker struct {
	Mapping
	problems problem.List
	brought  int // fields that documents bring
}

func (c *checker) refuse(place, remedy, what string, args ...any) {
	c.problems.Add(place, remedy, what, args...)
}

// metadata are names that no field of a document's top level can have.
var metadata = []string{"_id", "_index", "_source", "_routing", "_field_names", "_ignored", "_seq_no", "_version", "_nested_path", "_primary_term"}

func (c *checker) level(at *node, dynamic string, fields []field.Field, path string) {
	for _, f := range fields {
		if path == "" && slices.Contains(metadata, f.Name) {
			c.refuse(f.Place, "give it another name: {other_name: column}",
				"field %s cannot be in a document: the target has it for itself (it is made of %s)", f.Name, f.Of)
			continue
		}
		c.field(at, dynamic, f, path)
	}
}

// field goes down to a field, below objects where its name has dots.
func (c *checker) field(at *node, dynamic string, f field.Field, path string) {
	parts := strings.Split(f.Name, ".")
	if off(at.parameters["subobjects"]) {
		parts = []string{f.Name}
		if next := at.find(f.Name); next != nil {
			c.mapped(next, dynamic, f, join(path, f.Name))
			return
		}
	}
	for i, part := range parts {
		next := at.children[part]
		path = join(path, part)
		last := i == len(parts)-1
		switch {
		case next == nil:
			c.missing(dynamic, f, path)
			return
		case last:
			c.mapped(next, dynamic, f, path)
			return
		case !next.isObject():
			c.conflict(next, field.Field{Name: f.Name, Kind: field.Object, Of: f.Of, Place: f.Place}, path)
			return
		}
		at, dynamic = next, dynamicOf(next, dynamic)
	}
}

// find is a field whose name has dots, where names do not make objects.
func (n *node) find(name string) *node {
	for part := range strings.SplitSeq(name, ".") {
		if n = n.children[part]; n == nil {
			return nil
		}
	}
	return n
}

func dynamicOf(n *node, outer string) string {
	if raw, ok := n.parameters["dynamic"]; ok {
		return text(raw)
	}
	return outer
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

// missing is a field that the mapping does not have.
func (c *checker) missing(dynamic string, f field.Field, path string) {
	switch dynamic {
	case "strict":
		c.refuse(f.Place, fmt.Sprintf("add it to the mapping: %s; or leave the column out of the document", suggestion(f, path)),
			"the mapping is dynamic: strict and has no field %s (%s): every document would be refused", path, f.Of)
	case "true", "runtime":
		c.bring(dynamic, f, path)
	}
}

// bring is a field that the first document brings into the mapping.
func (c *checker) bring(dynamic string, f field.Field, path string) {
	if f.Kind == field.Fraction && !c.templated() {
		c.problems.Warn(f.Place, fmt.Sprintf("add it to the mapping: %s", suggestion(f, path)),
			"field %s (%s) is not in the mapping: if the first value that arrives is whole, like 100, it is mapped as long, and searches and sums leave out what is behind the point", path, f.Of)
	}
	if dynamic == "runtime" {
		return
	}
	c.brought++
	if f.Kind == field.Text {
		c.brought++ // and .keyword
	}
	for _, inner := range f.Fields {
		c.bring(dynamic, inner, join(path, inner.Name))
	}
}

// templated tells whether dynamic templates may map what the mapping does not have.
func (c *checker) templated() bool { return len(c.root.parameters["dynamic_templates"]) > len("[]") }

// suggestion is the line of the mapping that a field wants.
func suggestion(f field.Field, path string) string {
	kind := map[field.Kind]string{
		field.Whole: "long", field.Fraction: "double", field.Boolean: "boolean", field.Object: "object", field.Date: "date",
	}[f.Kind]
	if kind == "" {
		kind = "keyword"
	}
	return fmt.Sprintf("%q: {\"type\": %q}", path, kind)
}

// mapped is a field that the mapping has.
func (c *checker) mapped(n *node, dynamic string, f field.Field, path string) {
	switch {
	case n.kind == "alias":
		c.refuse(f.Place, "give one of them another name", "field %s (%s) is an alias of another field in the mapping: every document would be refused", path, f.Of)
	case off(n.parameters["enabled"]), f.Kind == field.Any:
	case n.isObject() && f.Kind == field.Object:
		c.level(n, dynamicOf(n, dynamic), f.Fields, path)
	default:
		c.conflict(n, f, path)
	}
}

// conflict refuses values that a field never takes, whatever they are.
func (c *checker) conflict(n *node, f field.Field, path string) {
	if on(n.parameters["ignore_malformed"]) || on(c.settings["index.mapping.ignore_malformed"]) {
		return
	}
	is := n.kind
	if is == "" {
		is = "object"
	}
	wrong := false
	switch f.Kind {
	case field.Object:
		wrong = slices.Contains(scalars, n.kind)
	case field.Boolean:
		wrong = n.isObject() || slices.Contains(numeric, n.kind) || n.kind == "date" || n.kind == "ip"
	case field.Whole, field.Fraction:
		wrong = n.isObject() || n.kind == "boolean" || n.kind == "ip"
	case field.Text, field.Date:
		wrong = n.isObject()
	}
	if wrong {
		c.refuse(f.Place, fmt.Sprintf("map it as it is: %s; or make another field of it", suggestion(f, path)),
			"field %s is %s in the documents (%s), and %s in the mapping: the target refuses such documents", path, f.Kind, f.Of, is)
	}
}

// numeric are the types of numbers.
var numeric = []string{"long", "integer", "short", "byte", "double", "float", "half_float", "scaled_float", "unsigned_long"}

// scalars are types that never take an object.
var scalars = append([]string{
	"keyword", "text", "match_only_text", "date", "date_nanos", "boolean", "ip", "binary", "version", "wildcard", "search_as_you_type", "constant_keyword", "token_count",
}, numeric...)

// limit refuses more fields than an index may have.
func (c *checker) limit() {
	most := 1000
	if n, err := strconv.Atoi(text(c.settings["index.mapping.total_fields.limit"])); err == nil {
		most = n
	}
	total := c.fields + c.brought
	if total <= most || on(c.settings["index.mapping.total_fields.ignore_dynamic_beyond_limit"]) {
		return
	}
	c.refuse("", fmt.Sprintf("set index.mapping.total_fields.limit to %d or more, or dynamic: false", total),
		"the index would have at least %d fields, %d of them brought by the documents, and may have %d (index.mapping.total_fields.limit)", total, c.brought, most)
}

// sorting refuses an index that is sorted by a field which it does not have.
func (c *checker) sorting() {
	raw := c.settings["index.sort.field"]
	var names []string
	if json.Unmarshal(raw, &names) != nil {
		if one := text(raw); one != "" {
			names = strings.Split(one, ",")
		}
	}
	for _, name := range names {
		if c.root.find(strings.TrimSpace(name)) == nil {
			c.refuse("", "add it to the mapping", "the definition of the index is wrong: it is to be sorted by %s, which is not in the mapping", name)
		}
	}
}
