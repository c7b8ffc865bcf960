package read

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// typeGuard asks, in the transaction of each page, whether the columns that are read have the
// types they were compiled for: binary values do not tell. The zero guard asks nothing.
type typeGuard struct {
	sql  string
	want string
}

var errTypes = errors.New("a column's type was changed, or a column or table dropped, since the run began")

func newTypeGuard(t *query.Tree) typeGuard {
	type column struct {
		table int64
		name  string
		typ   uint32
	}
	var columns []column
	for _, n := range t.Nodes {
		for _, c := range n.Cols {
			name := strings.ReplaceAll(strings.TrimSuffix(strings.TrimPrefix(c.SQL, `"`), `"`), `""`, `"`)
			if col := n.Relation.Column(name); col != nil && n.Relation.OID != "" {
				columns = append(columns, column{session.ParseInt(n.Relation.OID), name, col.Type})
			}
		}
	}
	if len(columns) == 0 {
		return typeGuard{}
	}
	slices.SortFunc(columns, func(a, b column) int {
		return cmp.Or(cmp.Compare(a.table, b.table), strings.Compare(a.name, b.name))
	})
	columns = slices.Compact(columns)
	var names, types []string
	for _, c := range columns {
		names = append(names, fmt.Sprintf("(%d, %s)", c.table, session.QuoteLiteral(c.name)))
		types = append(types, strconv.FormatUint(uint64(c.typ), 10))
	}
	return typeGuard{
		sql: query.CopySQL(`coalesce(string_agg(atttypid::text, ' ' order by attrelid, attname collate "C"), '') from pg_catalog.pg_attribute where (attrelid, attname) in (` +
			strings.Join(names, ", ") + ") and not attisdropped"),
		want: strings.Join(types, " "),
	}
}

// check asks on db.
func (g *typeGuard) check(db *session.Session) error {
	if g.sql == "" {
		return nil
	}
	db.Queue([]byte(g.sql))
	if err := db.Flush(); err != nil {
		return err
	}
	row, err := db.Row()
	if err != nil || row == nil {
		return errors.Join(errTypes, err)
	}
	var only [1]session.Span
	if err := session.SplitRow(row, only[:]); err != nil {
		return err
	}
	same := string(only[0].Of(row)) == g.want
	if err := db.Skip(); err != nil {
		return err
	}
	if !same {
		return fmt.Errorf("%s: %w\n    start a new rebuild", db.Name, errTypes)
	}
	return nil
}
