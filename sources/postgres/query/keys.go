package query

import (
	"strings"

	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/session"
)

// rootKey finds what the root is chunked, named and routed by.
func (c *compiler) rootKey(n *RootNode) {
	s := n.Shape
	id := s.ID
	complete := true
	for _, name := range s.ID {
		complete = c.column(n.Relation, name, s.Place) != nil && complete
	}
	if !complete {
		return
	}
	var key []string
	switch n.Relation.Kind {
	case 'q', 'v', 'f', 'm': // nothing can say that a column of these is never NULL
		if len(id) == 0 {
			c.problems.Add(s.Place, "add id: [columns that are unique and never NULL]", "%s has no key of its own", n.Relation.Label)
			return
		}
		key = id
	default:
		var allowed []string
		for _, name := range id {
			allowed = append(allowed, unquoted(name))
		}
		if key = n.Relation.key(allowed); key == nil {
			c.noKey(n.Node)
			return
		}
		if id == nil {
			id = key
		}
	}
	for _, name := range key {
		n.addKey(c.keyColumn(n.Node, name))
	}
	for _, name := range id {
		n.addID(c.keyColumn(n.Node, name))
	}
	for _, name := range s.Routing {
		if c.column(n.Relation, name, s.Place) != nil {
			n.Routing = append(n.Routing, c.keyColumn(n.Node, name))
		}
	}
	c.versionColumn(n)
}

func (c *compiler) noKey(n *Node) {
	s := n.Shape
	if len(s.ID) == 0 {
		c.problems.Add(s.Place, "add a primary key, or a unique index over NOT NULL columns",
			"table %s has no key: neither a primary key nor a unique index over NOT NULL columns", n.Relation.Label)
		return
	}
	what := "the column of id is"
	if len(s.ID) > 1 {
		what = "the columns of id are"
	}
	list := strings.Join(s.ID, ", ")
	for _, name := range s.ID {
		if !n.Relation.Column(unquoted(name)).NotNull && n.Relation.uniqueOn(unquotedAll(s.ID)) {
			c.problems.Add(s.Place, "ALTER TABLE "+n.Relation.SQL+" ALTER COLUMN "+session.QuoteIdent(unquoted(name))+" SET NOT NULL; or choose another id",
				"%s unique but may be NULL in %s: %s", what, n.Relation.Label, name)
			return
		}
	}
	c.problems.Add(s.Place, "CREATE UNIQUE INDEX CONCURRENTLY ON "+n.Relation.SQL+" ("+session.QuoteIdents(unquotedAll(s.ID))+"); or choose another id",
		"%s not unique in %s: %s", what, n.Relation.Label, list)
}

// versionColumn checks the column of `version: column`. An index takes integers from 0 on as versions.
func (c *compiler) versionColumn(n *RootNode) {
	if n.Shape.Version == "" {
		return
	}
	if n.Relation.Kind != 'r' && n.Relation.Kind != 'p' {
		c.problems.Add(n.Shape.Place, "take the document from the table itself; or write version: class",
			"version: {column: %s} needs a table, and %s is none: what it shows can change without a change of its row", n.Shape.Version, n.Relation.Label)
		return
	}
	col := c.column(n.Relation, n.Shape.Version, n.Shape.Place)
	if col == nil {
		return
	}
	switch t := c.types.Base(col.Type); {
	case t.OID != pgjson.OIDInt2 && t.OID != pgjson.OIDInt4 && t.OID != pgjson.OIDInt8:
		c.problems.Add(n.Shape.Place, "use a column of type bigint (or integer, smallint) that each change of the row raises; or write version: class",
			"the version column %s is of type %s, and a version is an integer", col.name, t.Name)
	case !col.NotNull:
		c.problems.Add(n.Shape.Place, "ALTER TABLE "+n.Relation.SQL+" ALTER COLUMN "+session.QuoteIdent(col.name)+" SET NOT NULL; or write version: class",
			"the version column %s may be NULL in %s", col.name, n.Relation.Label)
	default:
		n.Version = n.add(Column{SQL: session.QuoteIdent(col.name), Label: n.Relation.Label + "." + col.name, Type: col.Type})
	}
}

// keyColumn selects a column of a key in a form that gives its text.
func (c *compiler) keyColumn(n *Node, name string) KeyColumn {
	col := n.Relation.Column(unquoted(name))
	t := c.types.Base(col.Type)
	k := KeyColumn{Name: col.name, SQL: session.QuoteIdent(col.name), Raw: -1, Cast: t.Name, nested: t.Nested(), Type: t.OID, Text: pgjson.TexterOf(t.OID)}
	label := n.Relation.Label + "." + col.name
	if pgjson.SameBytes(t.OID) && col.exact {
		k.Raw = n.add(Column{SQL: k.SQL, Label: label, Type: col.Type})
	}
	if k.Text != nil {
		k.Col = n.add(Column{SQL: k.SQL, Label: label, Type: col.Type})
	} else {
		k.Text = pgjson.PlainText
		k.Col = n.add(Column{SQL: k.SQL + "::text", Label: label, Type: col.Type})
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
