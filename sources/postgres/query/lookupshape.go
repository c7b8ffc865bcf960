package query

import (
	"fmt"
	"strings"

	"humpty/sources"
	"humpty/sources/postgres/session"
)

// LookupShape makes a root of an include whose parent is elsewhere, to be looked up: its
// documents are {NAME: …} with what the include's name holds, and their ids the values of
// the columns that its condition names.
func LookupShape(include sources.Shape) (sources.Shape, error) {
	schema, table, ok := splitName(include.From)
	if !ok {
		return sources.Shape{}, fmt.Errorf("%s: %q is no name of a table\n    write TABLE or SCHEMA.TABLE", include.Place, include.From)
	}
	name := session.QuoteIdent(table)
	if schema != "" {
		name = session.QuoteIdent(schema) + "." + name
	}
	root := sources.Shape{Place: include.Place, Include: []sources.Shape{include}}
	var columns, there []string
	for _, on := range include.On {
		column := session.QuoteIdent(unquoted(on.Child))
		columns, there = append(columns, column), append(there, column+" is not null")
		root.ID = append(root.ID, on.Child)
	}
	root.Query = "select distinct " + strings.Join(columns, ", ") + " from " + name + " where " + strings.Join(there, " and ")
	return root, nil
}
