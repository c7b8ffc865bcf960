package postgres

import (
	"cmp"
	"fmt"
	"slices"

	"humpty/sources"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/session"
)

// addFields compiles the columns of a node.
func (c *compiler) addFields(n *node) {
	if n.shape.Values != "" {
		if col := c.column(n.rel, n.shape.Values, n.shape.Place); col != nil {
			c.addField(n, "", col, n.shape.Place)
		}
		return
	}
	list := n.shape.Columns
	if len(list) == 0 {
		list = []sources.Column{{Expr: "*", Place: n.shape.Place}}
	}
	for _, want := range list {
		switch {
		case want.Expr == "*":
			for i := range n.rel.columns {
				c.addField(n, n.rel.columns[i].name, &n.rel.columns[i], want.Place)
			}
		case want.Plain:
			if col := c.column(n.rel, want.Expr, want.Place); col != nil {
				c.addField(n, cmp.Or(want.Field, col.name), col, want.Place)
			}
		default:
			c.addExpression(n, want)
		}
	}
}

func (c *compiler) addField(n *node, name string, col *relColumn, place string) {
	if !n.rel.canRead && !col.canRead {
		c.problems.Add(place, fmt.Sprintf("GRANT SELECT ON %s TO %s;", n.rel.sql, session.QuoteIdent(n.rel.role)),
			"user %s may not read column %s of %s", n.rel.role, col.name, n.rel.label)
		return
	}
	n.fields = append(n.fields, field{name: pgjson.FieldName(name), col: n.add(c.jsonColumn(session.QuoteIdent(col.name), n.rel.label+"."+col.name, col.typ))})
}

// jsonColumn is a column in a form that can be encoded: as it is where its type is
// decoded here, otherwise as the server's to_json writes it.
func (c *compiler) jsonColumn(sql, label string, typ uint32) column {
	if e := c.types.Encoder(typ); e != nil {
		return column{sql: sql, label: label, encode: e, typ: typ}
	}
	return column{sql: "pg_catalog.to_json(" + sql + ")", label: label, encode: pgjson.EncodeJSON, typ: typ}
}

func (c *compiler) addExpression(n *node, want sources.Column) {
	if want.Field == "" {
		c.problems.Add(want.Place, "write name: \"expression\"", "the expression %s has no name", want.Expr)
		return
	}
	found, err := c.db.Describe(c.ctx, "select ("+want.Expr+"\n) from "+n.rel.sql+" limit 0")
	if err != nil {
		c.serverError(err, want.Place, "", "expression %s over %s", want.Expr, n.rel.label)
		return
	}
	typ := found[0].DataTypeOID
	if !c.types.Has(typ) {
		if err := c.types.Load(c.ctx, c.db, []uint32{typ}); err != nil {
			c.failed = err
			return
		}
	}
	n.fields = append(n.fields, field{name: pgjson.FieldName(want.Field), col: n.add(c.jsonColumn("("+want.Expr+"\n)", "expression "+want.Field, typ))})
}

func (c *compiler) checkWhere(n *node) {
	if n.shape.Where == "" {
		return
	}
	if _, err := c.db.Describe(c.ctx, "select 1 from "+n.rel.sql+" where ("+n.shape.Where+"\n) limit 0"); err != nil {
		c.serverError(err, n.shape.Place, "", "where of %s: %s", cmp.Or(n.path, "the document"), n.shape.Where)
	}
}

// orderBy makes the order of a many total: what the user wrote, then its key.
func (c *compiler) orderBy(n *node) {
	if n.parent == nil || !n.shape.Many {
		return
	}
	var named []string
	for _, o := range n.shape.OrderBy {
		col := c.column(n.rel, o.Column, o.Place)
		if col == nil {
			continue
		}
		term := session.QuoteIdent(col.name)
		named = append(named, col.name)
		if t := c.types.Base(col.typ); t != nil && t.OID == pgjson.OIDJSON {
			term = "(" + term + ")::text" // has no order of its own
		}
		n.order = append(n.order, sortTerm{term, o.Desc})
	}
	key := n.rel.key(nil)
	for _, name := range key {
		if !slices.Contains(named, name) {
			n.order = append(n.order, sortTerm{session.QuoteIdent(name), false})
		}
	}
	if key == nil {
		n.order = append(n.order, sortTerm{"(" + n.rel.alias + ".*)::text collate \"C\"", false})
	}
}

// checkFieldNames finds fields of one object that share a name; flattened includes lend
// theirs to the parent.
func (c *compiler) checkFieldNames(n *node, seen map[string]string) {
	claim := func(name []byte, place string) {
		key := string(name)
		if _, twice := seen[key]; twice {
			c.problems.Add(place, "rename one of them: {other_name: column}", "field %s stands twice in %s",
				key[:len(key)-1], cmp.Or(n.path, "the document"))
		}
		seen[key] = place
	}
	for _, f := range n.fields {
		claim(f.name, n.shape.Place)
	}
	for _, child := range n.include {
		if child.shape.Flatten {
			c.checkFieldNames(child, seen)
			continue
		}
		claim(child.prefix, child.shape.Place)
		c.checkFieldNames(child, map[string]string{})
	}
}
