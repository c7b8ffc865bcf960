package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"humpty/internal/problem"
	"humpty/sources"
)

// LookupShape makes a root of an include whose parent is elsewhere, to be looked up: its
// documents are {NAME: …} with what the include's name holds, and their ids the values of
// the columns that its condition names.
func LookupShape(include sources.Shape) (sources.Shape, error) {
	schema, table, ok := splitName(include.From)
	if !ok {
		return sources.Shape{}, fmt.Errorf("%s: %q is no name of a table\n    write TABLE or SCHEMA.TABLE", include.Place, include.From)
	}
	name := quoteIdent(table)
	if schema != "" {
		name = quoteIdent(schema) + "." + name
	}
	root := sources.Shape{Place: include.Place, Include: []sources.Shape{include}}
	var columns, there []string
	for _, on := range include.On {
		column := quoteIdent(unquoted(on.Child))
		columns, there = append(columns, column), append(there, column+" is not null")
		root.ID = append(root.ID, on.Child)
	}
	root.Query = "select distinct " + strings.Join(columns, ", ") + " from " + name + " where " + strings.Join(there, " and ")
	return root, nil
}

// Check holds the definition against the catalog, and returns its warnings. It reads no
// rows.
func (s *Source) Check(ctx context.Context) (problem.List, error) {
	db, err := connect(ctx, s.config.readDSN(), &s.config)
	if err != nil {
		return nil, err
	}
	defer db.close(ctx)
	_, warnings, err := compile(ctx, db, &s.config)
	return warnings, err
}

// eachByID is rootByID for a root that Keyed made: a table by whose size no join of it may
// cost. DISTINCT lets a condition in, but no join; OFFSET keeps the planner from making one.
func (n *node) eachByID() statement {
	s := n.rootByID()
	on := make([]string, len(n.id))
	for i, k := range n.id {
		_, value := unnested(i, k.cast, k.nested)
		on[i] = "r.i" + strconv.Itoa(i) + " = " + value
	}
	s.tail = ") with ordinality p(" + numbered("k", len(n.id)) + ", n) cross join lateral (select * from " + n.body() +
		" where " + strings.Join(on, " and ") + " offset 0) r order by p.n"
	return s
}
