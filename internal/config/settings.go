package config

import (
	"strings"

	"humpty/internal/dsn"
)

// Setting is one value in force and where it comes from.
type Setting struct {
	Path   string `json:"path"`   // projections.orders.limits.inflight
	Value  string `json:"value"`  // secrets hidden
	Origin string `json:"origin"` // default, humpty.yaml:31:7, a flag or a variable
}

// note records a value that is in force.
func (c *checker) note(n *node, r *rule, path string) {
	if n.reported {
		return
	}
	c.remember(n, r, path)
	s := Setting{Path: path, Value: n.text, Origin: n.origin}
	switch r.kind {
	case secret:
		s.Value = hidden
	case connection:
		s.Value = dsn.Redact(n.text)
	case anything:
		s.Value = "(inline)"
	}
	if n.origin == "file" {
		s.Origin = n.place
		for _, v := range n.vars {
			s.Origin += " ${" + v + "}"
		}
	}
	c.settings = append(c.settings, s)
}

// remember keeps apart what is secret and what is a plain word.
func (c *checker) remember(n *node, r *rule, path string) {
	if c.words == nil {
		c.words = map[string]bool{}
	}
	switch r.kind {
	case secret:
		c.secrets = append(c.secrets, n.text)
	case connection:
		if s, err := dsn.Parse(n.text); err == nil {
			c.secrets = append(c.secrets, s.Password())
			c.words[s.User()], c.words[s.Database()] = true, true
		} else {
			c.secrets = append(c.secrets, n.text)
		}
	default:
		c.words[n.text] = true
	}
	for _, key := range strings.Split(path, ".") {
		c.words[key] = true
	}
}

// Override is a value from outside the file that stands above it: a flag, an
// environment variable.
type Override struct {
	Path   string // below each projection: limits.inflight
	Value  string
	Origin string // as problems name it: --inflight, HUMPTY_INFLIGHT
}

func override(root *node, overrides []Override) {
	projections := root.field("projections")
	if projections == nil {
		return
	}
	for _, o := range overrides {
		for _, p := range projections.value.fields {
			value := &node{kind: text, text: o.Value, loose: true, place: o.Origin, origin: o.Origin}
			p.value.set(value, strings.Split(o.Path, ".")...)
		}
	}
}
