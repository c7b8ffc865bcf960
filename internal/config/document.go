package config

import (
	"fmt"
	"regexp"
	"strings"

	"humpty/sources"
)

// documentDecoder reads what a document looks like: its root, and what is included.
type documentDecoder struct {
	*input
	joined []Joined // includes that are of another source than their parent's
}

// document reads what a document looks like, and where its root is read from.
func (d *documentDecoder) document(n *node, p *Projection) {
	if n == nil || n.kind != mapping {
		return
	}
	if d.isTopic(n.get("from")) {
		p.Events = d.eventRoot(n)
		p.Source = p.Events.Source
	} else {
		p.Source, p.Document = d.rows(n)
	}
	p.Joined = d.joined
}

// rows reads a document that is made of tables.
func (d *documentDecoder) rows(n *node) (string, sources.Shape) {
	d.rejectTopicKeys(n)
	shape := d.table(n, "document")
	var source string
	switch {
	case n.field("from") != nil && n.field("query") != nil:
		d.problems.Add(n.field("query").place, "keep one of the two", "from and query exclude each other")
	case n.field("from") != nil:
		source, shape.From = d.from(n.get("from"))
		if s := n.field("source"); s != nil {
			d.problems.Add(s.place, "remove it: from names the source already", "source is only for query")
		}
	case n.field("query") != nil:
		source = d.querySource(n)
		if n.field("id") == nil {
			d.problems.Add(n.field("query").place, "add id: with the columns of the query's unique key", "a query has no primary key, so it needs id")
		}
	default:
		d.problems.Add(n.at(), "add from: SOURCE.TABLE", "the document has no root: neither from nor query")
	}
	shape.ID, shape.Routing = columnList(n.get("id")), columnList(n.get("routing"))
	shape.Include = d.includes(n.get("include"), scope{source: source, fields: shape.Columns})
	return source, shape
}

// table reads what a root and an include share.
func (d *documentDecoder) table(n *node, what string) sources.Shape {
	return sources.Shape{
		Place:   n.at(),
		Query:   strings.TrimRight(n.get("query").string(), "; \n\t"),
		Columns: d.columns(n.get("columns"), what),
		Where:   n.get("where").string(),
	}
}

func (d *documentDecoder) querySource(n *node) string {
	all := keys(d.root.get("sources"))
	s := n.get("source")
	switch {
	case s == nil && len(all) == 1:
		return all[0]
	case s == nil:
		d.problems.Add(n.field("query").place, "add source: with one of: "+strings.Join(all, ", "), "it is not said which source the query runs on")
	case s.string() != "" && d.root.get("sources").field(s.string()) == nil:
		d.problems.Add(s.at(), didYouMean(s.string(), all), "there is no source %q", s.string())
	default:
		return s.string()
	}
	return ""
}

// from takes SOURCE.TABLE apart.
func (d *documentDecoder) from(n *node) (source, table string) {
	if n != nil && n.kind == sequence {
		d.problems.Add(n.at(), "name one", "several are only for topics of a kafka source")
	}
	if n.string() == "" {
		return "", ""
	}
	all := keys(d.root.get("sources"))
	source, table, dot := strings.Cut(n.string(), ".")
	switch known := d.root.get("sources").field(source); {
	case (!dot || table == "") && len(all) > 0:
		d.problems.Add(n.at(), "write SOURCE.TABLE, for example "+all[0]+"."+strings.Trim(n.string(), "."), "%q does not name its source", n.string())
	case known == nil && len(all) > 0:
		d.problems.Add(n.at(), didYouMean(source, all)+"; from is SOURCE.TABLE or SOURCE.SCHEMA.TABLE", "there is no source %q", source)
	case known != nil && known.value.field("kafka") != nil:
		d.problems.Add(n.at(), "take it from a table of a postgres source", "%s is a topic, and here it must be a table", n.string())
	default:
		return source, table
	}
	return "", ""
}

// columns reads a list, a mapping, or a list with mappings in it. Absent means all.
func (d *documentDecoder) columns(n *node, what string) []sources.Column {
	if n == nil || n.reported {
		return []sources.Column{{Expr: "*"}}
	}
	var all []sources.Column
	for _, f := range n.mapped() {
		all = append(all, namedColumn(f))
	}
	for _, item := range n.list() {
		for _, f := range item.mapped() {
			all = append(all, namedColumn(f))
		}
		switch name := item.string(); {
		case name == "":
		case name == "*":
			all = append(all, sources.Column{Expr: "*", Place: item.place})
		case strings.ContainsAny(name, "()'|+:"):
			d.problems.Add(item.place, fmt.Sprintf("name it: {field: %q}", name), "%q in the columns of %s is an expression, so it needs a field's name", name, what)
		default:
			all = append(all, sources.Column{Field: name, Expr: name, Plain: true, Place: item.place})
		}
	}
	seen := map[string]string{}
	for _, c := range all {
		key := c.Field + "\x00" + c.Expr
		if c.Field != "" {
			key = c.Field
		}
		if first, twice := seen[key]; twice {
			d.problems.Add(c.Place, "name one of them differently: {other: "+c.Expr+"}", "the field %q of %s is there twice; the first is at %s", c.Field, what, first)
		}
		seen[key] = c.Place
	}
	return all
}

// namedColumn is field: column, or field: "expression". What looks like a name is a column's
// name; a name in double quotes is one too.
func namedColumn(f *field) sources.Column {
	expr := strings.TrimSpace(f.value.string())
	c := sources.Column{Field: f.key, Expr: expr, Place: f.place}
	switch {
	case regexp.MustCompile(`^[\p{L}_][\p{L}\p{N}_$]*$`).MatchString(expr):
		c.Plain = true
	case regexp.MustCompile(`^"([^"]|"")+"$`).MatchString(expr):
		c.Plain, c.Expr = true, strings.ReplaceAll(expr[1:len(expr)-1], `""`, `"`)
	}
	return c
}

func columnList(n *node) []string {
	if one := n.string(); one != "" {
		return []string{one}
	}
	var all []string
	for _, item := range n.list() {
		if name := item.string(); name != "" {
			all = append(all, name)
		}
	}
	return all
}
