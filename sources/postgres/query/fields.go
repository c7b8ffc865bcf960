package query

import (
	"cmp"
	"fmt"
	"slices"

	"humpty/sources"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/session"
)

// addFields compiles the columns of a node.
func (c *compiler) addFields(n *Node) {
	if n.Shape.Values != "" {
		if col := c.column(n.Relation, n.Shape.Values, n.Shape.Place); col != nil {
			c.addField(n, "", col, n.Shape.Place)
		}
		return
	}
	list := n.Shape.Columns
	if len(list) == 0 {
		list = []sources.Column{{Expr: "*", Place: n.Shape.Place}}
	}
	for _, want := range list {
		switch {
		case want.Expr == "*":
			for i := range n.Relation.columns {
				c.addField(n, n.Relation.columns[i].name, &n.Relation.columns[i], want.Place)
			}
		case want.Plain:
			if col := c.column(n.Relation, want.Expr, want.Place); col != nil {
				c.addField(n, cmp.Or(want.Field, col.name), col, want.Place)
			}
		default:
			c.addExpression(n, want)
		}
	}
}

func (c *compiler) addField(n *Node, name string, col *relColumn, place string) {
	if !n.Relation.canRead && !col.canRead {
		c.problems.Add(place, fmt.Sprintf("GRANT SELECT ON %s TO %s;", n.Relation.SQL, session.QuoteIdent(n.Relation.role)),
			"user %s may not read column %s of %s", n.Relation.role, col.name, n.Relation.Label)
		return
	}
	n.Fields = append(n.Fields, Field{Name: pgjson.FieldName(name), Col: n.add(c.jsonColumn(session.QuoteIdent(col.name), n.Relation.Label+"."+col.name, col.Type))})
}

// jsonColumn is a column in a form that can be encoded: as it is where its type is
// decoded here, otherwise as the server's to_json writes it.
func (c *compiler) jsonColumn(sql, label string, typ uint32) Column {
	if e := c.types.Encoder(typ); e != nil {
		return Column{SQL: sql, Label: label, Encode: e, Type: typ}
	}
	return Column{SQL: "pg_catalog.to_json(" + sql + ")", Label: label, Encode: pgjson.EncodeJSON, Type: typ}
}

func (c *compiler) addExpression(n *Node, want sources.Column) {
	if want.Field == "" {
		c.problems.Add(want.Place, "write name: \"expression\"", "the expression %s has no name", want.Expr)
		return
	}
	found, err := c.describe("select ("+want.Expr+"\n) from "+n.Relation.SQL+" limit 0", want.Place)
	if err != nil {
		c.serverError(err, want.Place, "", "expression %s over %s", want.Expr, n.Relation.Label)
		return
	}
	typ := found[0].DataTypeOID
	if !c.types.Has(typ) {
		if err := c.types.Load(c.ctx, c.db, []uint32{typ}); err != nil {
			c.failed = err
			return
		}
	}
	n.Fields = append(n.Fields, Field{Name: pgjson.FieldName(want.Field), Col: n.add(c.jsonColumn("("+want.Expr+"\n)", "expression "+want.Field, typ))})
}

func (c *compiler) checkWhere(n *Node) {
	if n.Shape.Where == "" {
		return
	}
	if _, err := c.describe("select 1 from "+n.Relation.SQL+" where ("+n.Shape.Where+"\n) limit 0", n.Shape.Place); err != nil {
		c.serverError(err, n.Shape.Place, "", "where of %s: %s", cmp.Or(n.Path, "the document"), n.Shape.Where)
	}
}

// orderBy makes the order of a many total: what the user wrote, then its key.
func (c *compiler) orderBy(n *Node) {
	if n.Parent == nil || !n.Shape.Many {
		return
	}
	var named []string
	for _, o := range n.Shape.OrderBy {
		col := c.column(n.Relation, o.Column, o.Place)
		if col == nil {
			continue
		}
		term := session.QuoteIdent(col.name)
		named = append(named, col.name)
		if t := c.types.Base(col.Type); t != nil && t.OID == pgjson.OIDJSON {
			term = "(" + term + ")::text" // has no order of its own
		}
		n.order = append(n.order, sortTerm{term, o.Desc})
	}
	key := n.Relation.key(nil)
	for _, name := range key {
		if !slices.Contains(named, name) {
			n.order = append(n.order, sortTerm{session.QuoteIdent(name), false})
		}
	}
	if key == nil {
		n.order = append(n.order, sortTerm{"(" + n.Relation.alias + ".*)::text collate \"C\"", false})
	}
}

// checkFieldNames finds fields of one object that share a name; flattened includes lend
// theirs to the parent.
func (c *compiler) checkFieldNames(n *Node, seen map[string]string) {
	claim := func(name []byte, place string) {
		key := string(name)
		if _, twice := seen[key]; twice {
			c.problems.Add(place, "rename one of them: {other_name: column}", "field %s stands twice in %s",
				key[:len(key)-1], cmp.Or(n.Path, "the document"))
		}
		seen[key] = place
	}
	for _, f := range n.Fields {
		claim(f.Name, n.Shape.Place)
	}
	for _, child := range n.Include {
		if child.Shape.Flatten {
			c.checkFieldNames(child, seen)
			continue
		}
		claim(child.Prefix, child.Shape.Place)
		c.checkFieldNames(child, map[string]string{})
	}
}
