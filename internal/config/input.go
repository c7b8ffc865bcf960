package config

import (
	"path/filepath"
	"strings"

	"humpty/internal/problem"
)

// input is the file that is decoded, and what is wrong with it. What is wrong already reads
// as absent.
type input struct {
	file     string
	env      func(string) (string, bool)
	root     *node
	encrypt  bool // what may leave this machine unencrypted is an error
	problems problem.List
}

// bothOrNeither wants both keys or none.
func (in *input) bothOrNeither(n *node, a, b string) {
	for _, pair := range [][2]string{{a, b}, {b, a}} {
		if has := n.field(pair[0]); has != nil && n.field(pair[1]) == nil {
			in.problems.Add(has.place, "add "+pair[1]+": …", "%s is there without %s", pair[0], pair[1])
		}
	}
}

// exclusive wants at most one of the keys.
func (in *input) exclusive(n *node, keys ...string) {
	var first *field
	for _, k := range keys {
		f := n.field(k)
		switch {
		case f != nil && first != nil:
			in.problems.Add(f.place, "keep one of the two", "%s and %s exclude each other", first.key, f.key)
		case f != nil:
			first = f
		}
	}
}

// unencrypted says that others on the network can read along: a warning, or an error where
// the file has require_tls.
func (in *input) unencrypted(at, remedy, what string, args ...any) {
	if in.encrypt {
		in.problems.Add(at, remedy+"; the file has require_tls: true", what, args...)
		return
	}
	in.problems.Warn(at, remedy, what, args...)
}

// path resolves a file name against the folder of the configuration.
func (in *input) path(n *node) string {
	p := n.string()
	if p == "" || filepath.IsAbs(p) {
		return p
	}
	return filepath.Join(filepath.Dir(in.file), p)
}

// isTopic reports whether from names topics, by the kind of its source.
func (in *input) isTopic(n *node) bool {
	if items := n.list(); len(items) > 0 {
		n = items[0]
	}
	source, _, _ := strings.Cut(n.string(), ".")
	known := in.root.get("sources").field(source)
	return known != nil && known.value.field("kafka") != nil
}

// tableOnlyKeys are keys that have no meaning where events make the document.
var tableOnlyKeys = []string{"query", "source", "id", "routing", "columns", "where", "on", "through", "order_by", "values", "flatten"}

// rejectTableKeys reports keys of tables at a topic.
func (in *input) rejectTableKeys(n *node, but ...string) {
	for _, name := range tableOnlyKeys {
		f := n.field(name)
		for _, allowed := range but {
			if name == allowed {
				f = nil
			}
		}
		if f != nil {
			in.problems.Add(f.place, "remove it: what a document of events has is made by fold, handlers or script", "%s is for tables, and from is a topic", name)
		}
	}
}

// rejectTopicKeys reports keys of topics at a table.
func (in *input) rejectTopicKeys(n *node) {
	for _, k := range eventKeys() {
		if f := n.field(k.name); f != nil {
			in.problems.Add(f.place, "remove it, or take from: SOURCE.TOPIC of a kafka source", "%s is for topics, and from is a table", k.name)
		}
	}
}

func keys(n *node) []string {
	var all []string
	for _, f := range n.mapped() {
		all = append(all, f.key)
	}
	return all
}
