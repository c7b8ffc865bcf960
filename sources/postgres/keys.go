package postgres

import (
	"strings"

	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/session"
)

// rootKey finds what the root is chunked, named and routed by.
func (c *compiler) rootKey(n *rootNode) {
	s := n.shape
	id := s.ID
	complete := true
	for _, name := range s.ID {
		complete = c.column(n.rel, name, s.Place) != nil && complete
	}
	if !complete {
		return
	}
	var key []string
	switch n.rel.kind {
	case 'q', 'v', 'f', 'm': // nothing can say that a column of these is never NULL
		if len(id) == 0 {
			c.problems.Add(s.Place, "add id: [columns that are unique and never NULL]", "%s has no key of its own", n.rel.label)
			return
		}
		key = id
	default:
		var allowed []string
		for _, name := range id {
			allowed = append(allowed, unquoted(name))
		}
		if key = n.rel.key(allowed); key == nil {
			c.noKey(n.node)
			return
		}
		if id == nil {
			id = key
		}
	}
	for _, name := range key {
		n.addKey(c.keyColumn(n.node, name))
	}
	for _, name := range id {
		n.addID(c.keyColumn(n.node, name))
	}
	for _, name := range s.Routing {
		if c.column(n.rel, name, s.Place) != nil {
			n.routing = append(n.routing, c.keyColumn(n.node, name))
		}
	}
	c.versionColumn(n)
}

func (c *compiler) noKey(n *node) {
	s := n.shape
	if len(s.ID) == 0 {
		c.problems.Add(s.Place, "add a primary key, or a unique index over NOT NULL columns",
			"table %s has no key: neither a primary key nor a unique index over NOT NULL columns", n.rel.label)
		return
	}
	what := "the column of id is"
	if len(s.ID) > 1 {
		what = "the columns of id are"
	}
	list := strings.Join(s.ID, ", ")
	for _, name := range s.ID {
		if !n.rel.column(unquoted(name)).notNull && n.rel.uniqueOn(unquotedAll(s.ID)) {
			c.problems.Add(s.Place, "ALTER TABLE "+n.rel.sql+" ALTER COLUMN "+session.QuoteIdent(unquoted(name))+" SET NOT NULL; or choose another id",
				"%s unique but may be NULL in %s: %s", what, n.rel.label, name)
			return
		}
	}
	c.problems.Add(s.Place, "CREATE UNIQUE INDEX CONCURRENTLY ON "+n.rel.sql+" ("+session.QuoteIdents(unquotedAll(s.ID))+"); or choose another id",
		"%s not unique in %s: %s", what, n.rel.label, list)
}

// versionColumn checks the column of `version: column`.
func (c *compiler) versionColumn(n *rootNode) {
	if n.shape.Version == "" {
		return
	}
	col := c.column(n.rel, n.shape.Version, n.shape.Place)
	if col == nil {
		return
	}
	switch t := c.types.Base(col.typ); t.OID {
	case pgjson.OIDInt2, pgjson.OIDInt4, pgjson.OIDInt8, pgjson.OIDTimestamp, pgjson.OIDTimestampTZ:
		n.version = n.add(column{sql: session.QuoteIdent(col.name), label: n.rel.label + "." + col.name, typ: col.typ})
	default:
		c.problems.Add(n.shape.Place, "use a column of an integer or timestamp type that only grows",
			"the version column %s is of type %s", col.name, t.Name)
	}
}

// keyColumn selects a column of a key in a form that gives its text.
func (c *compiler) keyColumn(n *node, name string) keyColumn {
	col := n.rel.column(unquoted(name))
	t := c.types.Base(col.typ)
	k := keyColumn{name: col.name, sql: session.QuoteIdent(col.name), raw: -1, cast: t.Name, nested: t.Nested(), typ: t.OID, text: pgjson.TexterOf(t.OID)}
	label := n.rel.label + "." + col.name
	if pgjson.SameBytes(t.OID) && col.exact {
		k.raw = n.add(column{sql: k.sql, label: label, typ: col.typ})
	}
	if k.text != nil {
		k.col = n.add(column{sql: k.sql, label: label, typ: col.typ})
	} else {
		k.text = pgjson.PlainText
		k.col = n.add(column{sql: k.sql + "::text", label: label, typ: col.typ})
	}
	return k
}

func unquotedAll(names []string) []string {
	out := make([]string, len(names))
	for i, n := range names {
		out[i] = unquoted(n)
	}
	return out
}
