package config

import (
	"strings"

	"humpty/sources"
)

// includes reads the includes of one parent; those of another source are put aside.
func (d *documentDecoder) includes(n *node, in scope) []sources.Shape {
	var all []sources.Shape
	for _, f := range n.mapped() {
		if f.value.kind != mapping {
			continue
		}
		for _, c := range in.fields {
			if c.Field == f.key && !f.value.get("flatten").bool() {
				d.problems.Add(f.place, "give the include another name", "the field %q is a column and an include", f.key)
			}
		}
		if in.topic || d.isTopic(f.value.get("from")) {
			d.foreign(f, in)
			continue
		}
		all = append(all, d.include(f, in))
	}
	return all
}

func (d *documentDecoder) include(f *field, in scope) sources.Shape {
	n, source := f.value, in.source
	d.rejectTopicKeys(n)
	s := d.table(n, "include "+f.key)
	s.Name, s.Place = f.key, f.place
	s.One, s.Many, s.Flatten = n.get("one").bool(), n.get("many").bool(), n.get("flatten").bool()
	s.Values = n.get("values").string()
	s.On = joins(n.get("on"))
	s.OrderBy = d.order(n.get("order_by"))
	s.Through = d.through(n.get("through"), source)
	switch {
	case n.field("from") != nil && n.field("query") != nil:
		d.problems.Add(n.field("query").place, "keep one of the two", "from and query exclude each other")
	case n.field("from") != nil:
		s.From = d.sameSource(n.get("from"), source)
	case n.field("query") == nil:
		d.problems.Add(f.place, "add from: SOURCE.TABLE", "the include %s has no table: neither from nor query", f.key)
	}
	d.conflicts(f, s)
	below := in.at[:len(in.at):len(in.at)]
	if !s.Flatten {
		below = append(below, f.key)
	}
	s.Include = d.includes(n.get("include"), scope{source: source, fields: s.Columns, at: below})
	return s
}

// conflicts checks the keys of an include against each other.
func (d *documentDecoder) conflicts(f *field, s sources.Shape) {
	n := f.value
	if n.field("on") == nil && !d.isTopic(n.get("from")) {
		d.problems.Add(f.place, "add on: {column of this table: column of the parent}", "the include %s does not say how its rows find their parent", f.key)
	}
	switch {
	case s.One && s.Many:
		d.problems.Add(n.field("many").place, "one for an object, many for an array", "the include %s is one and many", f.key)
	case !s.One && !s.Many && !n.get("one").wrong() && !n.get("many").wrong():
		d.problems.Add(f.place, "add one: true for an object, many: true for an array", "the include %s is neither one nor many", f.key)
	}
	if s.Many && s.Flatten {
		d.problems.Add(n.field("flatten").place, "flatten works with one: true", "the include %s is many: its rows cannot become fields of the parent", f.key)
	}
	if s.One && !s.Many {
		d.rejectManyKeys(f, "order_by", "values")
	}
	if s.Values != "" {
		d.exclusive(n, "values", "columns")
		d.exclusive(n, "values", "include")
	}
}

func (d *documentDecoder) rejectManyKeys(f *field, names ...string) {
	for _, name := range names {
		if k := f.value.field(name); k != nil {
			d.problems.Add(k.place, "remove it, or write many: true", "%s is only for many, and the include %s is one", name, f.key)
		}
	}
}

// sameSource wants an include in the root's database, where one snapshot shows both.
func (d *documentDecoder) sameSource(n *node, source string) string {
	from, table := d.from(n)
	if from != "" && source != "" && from != source {
		d.problems.Add(n.at(), "take it from "+source+"."+table, "an include from another source (%s) than the root's (%s) is not in this version of humpty", from, source)
		return ""
	}
	return table
}

func (d *documentDecoder) through(n *node, source string) *sources.Through {
	if n == nil || n.kind != mapping {
		return nil
	}
	return &sources.Through{
		From: d.sameSource(n.get("from"), source), Parent: joins(n.get("on")),
		Where: n.get("where").string(), Place: n.at(),
	}
}

func joins(n *node) []sources.Join {
	var all []sources.Join
	for _, f := range n.mapped() {
		if parent := f.value.string(); parent != "" {
			all = append(all, sources.Join{Child: f.key, Parent: parent, Place: f.place})
		}
	}
	return all
}

func (d *documentDecoder) order(n *node) []sources.Order {
	items := n.list()
	if n.string() != "" {
		items = []*node{n}
	}
	var all []sources.Order
	for _, item := range items {
		column := strings.TrimSpace(item.string())
		o := sources.Order{Column: column, Place: item.place}
		if i := strings.LastIndexByte(column, ' '); i > 0 {
			switch strings.ToLower(column[i+1:]) {
			case "desc":
				o.Column, o.Desc = strings.TrimSpace(column[:i]), true
			case "asc":
				o.Column = strings.TrimSpace(column[:i])
			}
		}
		if strings.ContainsAny(o.Column, "(),") {
			d.problems.Add(item.place, "write [column, \"column desc\"]", "order_by takes columns, not %q", column)
			continue
		}
		if o.Column != "" {
			all = append(all, o)
		}
	}
	return all
}
