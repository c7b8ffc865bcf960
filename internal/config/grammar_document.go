package config

// documentRule is the root of a document.
func documentRule() *rule {
	return &rule{kind: object, keys: append([]key{
		{name: "from", rule: fromRule(), doc: "Root table as SOURCE.TABLE or SOURCE.SCHEMA.TABLE; or a topic as SOURCE.TOPIC, or a list of topics: events of the same time are in their order."},
		{name: "source", rule: &rule{kind: words}, doc: "Source of `query`."},
		{name: "query", rule: &rule{kind: words}, doc: "Any SELECT instead of `from`; it must expose the columns of `id`."},
		{name: "id", rule: columnNames(), doc: "Column or columns of the document's id; the primary key by default."},
		{name: "routing", rule: columnNames(), doc: "Column or columns of the routing."},
	}, append(eventKeys(), tableKeys()...)...)}
}

// tableKeys are the keys that a root and an include share.
func tableKeys() []key {
	return []key{
		{name: "columns", rule: columnsRule(), doc: `A list of columns, ["*"] for all (the default), or {field: column} or {field: "SQL expression"}.`},
		{name: "where", rule: &rule{kind: words}, doc: "SQL condition; a row that fails it is not there."},
		{name: "include", rule: includesRule(), doc: "Other tables in this document, by the field that holds them."},
	}
}

func includesRule() *rule {
	return &rule{kind: names, ref: "includes", of: &rule{kind: anything}}
}

// includeRule is one include. It holds includes again, so it is made when one is met.
func includeRule() *rule {
	return &rule{kind: object, keys: append([]key{
		{name: "from", rule: fromRule(), doc: "Table as SOURCE.TABLE or SOURCE.SCHEMA.TABLE, of its parent's source or in what is made of events; or a topic as SOURCE.TOPIC, or a list of topics."},
		{name: "query", rule: &rule{kind: words}, doc: "Any SELECT instead of `from`."},
		{name: "on", rule: joinRule(), doc: "How rows find their parent: {column here: column of the parent}; with `through`: of the join table."},
		{name: "through", rule: throughRule(), doc: "The join table of a many-to-many include."},
		{name: "one", rule: &rule{kind: flag}, doc: "true: an object, or null."},
		{name: "many", rule: &rule{kind: flag}, doc: "true: an array, empty if there is nothing."},
		{name: "order_by", rule: &rule{kind: either, any: []*rule{{kind: words}, {kind: list, min: 1, of: &rule{kind: words}}}}, doc: "Order of a many: columns, each with `desc` behind it if need be."},
		{name: "values", rule: &rule{kind: words}, doc: "An array of this column's values instead of objects."},
		{name: "flatten", rule: &rule{kind: flag}, doc: "true: the columns of a one become fields of the parent."},
	}, append(eventKeys(), tableKeys()...)...)}
}

func throughRule() *rule {
	return &rule{kind: object, keys: []key{
		{name: "from", required: true, rule: &rule{kind: words}, doc: "The join table."},
		{name: "on", required: true, rule: joinRule(), doc: "{column of the join table: column of the parent}."},
		{name: "where", rule: &rule{kind: words}, doc: "SQL condition on the join table."},
	}}
}

func joinRule() *rule {
	return &rule{kind: names, min: 1, of: &rule{kind: words}}
}

func columnNames() *rule {
	return &rule{kind: either, any: []*rule{{kind: words}, {kind: list, min: 1, of: &rule{kind: words}}}}
}

func columnsRule() *rule {
	renamed := &rule{kind: names, min: 1, of: &rule{kind: words}}
	return &rule{kind: either, any: []*rule{
		renamed,
		{kind: list, min: 1, of: &rule{kind: either, any: []*rule{{kind: words}, renamed}}},
	}}
}
