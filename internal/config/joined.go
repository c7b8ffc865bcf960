package config

import "humpty/sources"

// Joined is an include from another source than its parent's: a topic in a document of
// tables, or a table in one of events. A projection lists parents before what is in them.
type Joined struct {
	Name    string
	Place   string          `json:"-"`
	At      []string        `json:",omitempty"` // the includes that it is in; empty: in the document itself
	On      []sources.Join  `json:",omitempty"` // Child: field or column of what is included; empty: its key is the document's id
	One     bool            `json:",omitempty"` // an object or null; otherwise an array
	OrderBy []sources.Order `json:",omitempty"` // of a topic's many
	Strict  bool            `json:",omitempty"` // the parent is a row, so a field that it does not have is a slip

	Source string
	Events *Events        `json:",omitempty"` // a topic's; nil: a table's
	Shape  *sources.Shape `json:",omitempty"` // a table's, with its own includes, which are of the same source
}

// scope is where an include is read: whose it is.
type scope struct {
	source string           // of the parent
	topic  bool             // the parent is made of events
	fields []sources.Column // the parent's own; nil for events
	at     []string         // path of the parent
}

// eventRoot reads a document that is made of events.
func (d *documentDecoder) eventRoot(n *node) *Events {
	d.rejectTableKeys(n)
	e := eventsDecoder{d.input}.events(n)
	d.includes(n.get("include"), scope{source: e.Source, topic: true})
	return e
}

// foreign reads an include of another source than its parent's, and what is in it.
func (d *documentDecoder) foreign(f *field, in scope) {
	n := f.value
	j := Joined{
		Name: f.key, Place: f.place, At: in.at, On: joins(n.get("on")), Strict: !in.topic,
		One: n.get("one").bool(), OrderBy: d.order(n.get("order_by")),
	}
	d.conflicts(f, sources.Shape{One: j.One, Many: n.get("many").bool()})
	for _, on := range j.On {
		d.parentField(f, on, in)
	}
	at := len(d.joined)
	d.joined = append(d.joined, j) // parents come first
	below := append(in.at[:len(in.at):len(in.at)], f.key)
	if d.isTopic(n.get("from")) {
		d.rejectTableKeys(n, "on", "order_by")
		if len(j.On) == 0 && (len(in.at) > 0 || !j.One) {
			d.problems.Add(f.place, "add on: {field of the event's document: field of the parent}", "the include %s does not say how it finds its parent; without on its key is the document's id, which is for one: true in the document itself", f.key)
		}
		j.Events = eventsDecoder{d.input}.events(n)
		j.Source = j.Events.Source
		d.joined[at] = j
		d.includes(n.get("include"), scope{source: j.Source, topic: true, at: below})
		return
	}
	shape := d.table(n, "include "+f.key)
	shape.Values, shape.Through = n.get("values").string(), nil
	shape.One, shape.Many, shape.OrderBy = j.One, !j.One, j.OrderBy
	j.OrderBy = nil
	for _, name := range []string{"through", "query", "flatten"} {
		if k := n.field(name); k != nil {
			d.problems.Add(k.place, "take from: SOURCE.TABLE; a view in the database can hold the rest", "%s is not in this version of humpty for a table in a document of events", name)
		}
	}
	d.rejectTopicKeys(n)
	j.Source, shape.From = d.from(n.get("from"))
	shape.Name, shape.Place, shape.On = "rows", f.place, nil
	for _, on := range j.On {
		shape.On = append(shape.On, sources.Join{Child: on.Child, Parent: on.Child, Place: on.Place})
	}
	shape.Include = d.includes(n.get("include"), scope{source: j.Source, fields: shape.Columns, at: below})
	j.Shape = &shape
	d.joined[at] = j
}

// parentField wants the field that an include hangs on among those that the parent shows:
// it is found in the document.
func (d *documentDecoder) parentField(f *field, on sources.Join, in scope) {
	if in.topic {
		return
	}
	var names []string
	for _, c := range in.fields {
		if c.Expr == "*" || c.Field == on.Parent {
			return
		}
		names = append(names, c.Field)
	}
	d.problems.Add(on.Place, "add it to the columns; "+didYouMean(on.Parent, names), "the include %s hangs on %q, which is not a field of its parent", f.key, on.Parent)
}
