package cdc

import (
	"fmt"
	"strings"
	"time"

	"humpty/internal/problem"
	"humpty/sources"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// TimestampColumn makes a Source that needs no logical decoding tell what changes: by a column that
// the application sets whenever it writes a row.
type TimestampColumn struct {
	Column string        // the tables of the document that have it are tracked; the root's must
	Margin time.Duration // how late a row may become visible after its time; 1 minute where 0
}

// DefaultMargin is how late a row may become visible after its time, unless it is said.
const DefaultMargin = time.Minute

// trackedTable is a table whose changes the column tells.
type trackedTable struct {
	*query.Dependency
	zoned bool // the column knows its time zone
}

// trackedTables says which tables the column tells of, and of which it does not.
func trackedTables(t *query.Tree, column string) (all []trackedTable, others []string, err error) {
	var wrong problem.List
	for _, w := range t.Dependencies() {
		rel := w.Relation()
		c := rel.Column(column)
		if c == nil || rel.Kind == 'q' {
			if w.Node.Parent == nil {
				wrong.Add(w.Node.Shape.Place, "name a column of the root table that is set with every write, or leave catch_up out", "%s has no column %s, so nothing says what was written meanwhile", rel.Label, column)
			}
			others = append(others, rel.Label)
			continue
		}
		switch t.Types.Base(c.Type).OID {
		case pgjson.OIDTimestampTZ, pgjson.OIDTimestamp:
			all = append(all, trackedTable{w, t.Types.Base(c.Type).OID == pgjson.OIDTimestampTZ})
		default:
			wrong.Add(w.Node.Shape.Place, "it must be a timestamptz, or a timestamp in UTC", "column %s of %s is of type %s", column, rel.Label, t.Types.Base(c.Type).Name)
		}
	}
	return all, others, wrong.Err()
}

// limits is what catching up by a column does not do.
func (u *TimestampColumn) limits(all []trackedTable, others []string) string {
	var tables []string
	for _, c := range all {
		tables = append(tables, c.Relation().Label)
	}
	text := fmt.Sprintf("caught up by column %s of %s, with a margin of %s: what becomes visible later than that after its time is missed; "+
		"so is every row that is deleted, or moves to another parent or key (the old one keeps it), unless the comparison of all documents finds it before the swap",
		u.Column, strings.Join(tables, ", "), u.Margin)
	if len(others) > 0 {
		text += "; of " + strings.Join(others, ", ") + ", which have no such column, nothing is caught up with"
	}
	return text
}

// Warnings says in a plan what catching up by the column means here.
func (u *TimestampColumn) Warnings(t *query.Tree) (problem.List, error) {
	all, others, err := trackedTables(t, u.Column)
	if err != nil {
		return nil, err
	}
	var found problem.List
	found.Warn(t.Root.Shape.Place, "consistency: live catches up with everything, by logical decoding", "%s", u.limits(all, others))
	for _, c := range all {
		rel := c.Relation()
		if !rel.Indexed([]string{u.Column}) && !rel.IsSmall() {
			found.Warn(c.Node.Shape.Place, "CREATE INDEX CONCURRENTLY ON "+rel.SQL+" ("+session.QuoteIdent(u.Column)+");",
				"table %s (about %d rows, %s) has no index on %s, so it is read whole each time that is looked for changes", rel.Label, rel.Rows, rel.Size(), u.Column)
		}
		if !c.zoned {
			found.Warn(c.Node.Shape.Place, "write it in UTC, or make it a timestamptz", "column %s of %s has no time zone: it is taken for UTC", u.Column, rel.Label)
		}
	}
	return found, nil
}

// since selects what was written to the table from a time on: the keys of the mark, and a
// hash of the whole row, by which a row that was met already is told from one that changed
// again.
func (c *trackedTable) since(column, from string) string {
	var list, there []string
	for _, name := range c.Columns {
		list = append(list, "t."+session.QuoteIdent(name)+"::text")
		there = append(there, " and t."+session.QuoteIdent(name)+" is not null")
	}
	cut := session.QuoteLiteral(from) + "::timestamptz"
	if !c.zoned {
		cut = "(" + cut + " at time zone 'UTC')"
	}
	return query.CopySQL(strings.Join(list, ", ") + ", pg_catalog.hashtextextended(t::text, 0)::text from " + c.Relation().SQL + " t where t." + session.QuoteIdent(column) + " >= " + cut +
		strings.Join(there, ""))
}

// markOfRow is the mark of a row whose watched columns have these texts, cast as ids are.
func (c *trackedTable) markOfRow(texts []string) sources.DirtyKey {
	if c.Node.Parent != nil {
		return sources.DirtyKey{Node: c.Path(), Key: query.FormatKey(texts)}
	}
	return sources.DirtyKey{Key: string(query.ComposeID(texts))}
}
