package postgres

import (
	"strconv"
	"strings"

	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/session"
)

// rootsSQL finds the ids of the roots above the rows that have one of the keys: joins from
// the root down to the changed table's parent, and the values there. Filters do not count:
// what they leave out is found to be gone when it is looked up.
//
// In a loose tree the table below the root stands for it: it has the columns of the ids.
func (w *dependency) rootsSQL(known *pgjson.Types, keys [][]string, loose bool) []byte {
	var chain []*node // from the root's child down to the changed include
	for n := w.node; n.parent != nil; n = n.parent {
		chain = append([]*node{n}, chain...)
	}
	root := w.root
	from := []string{root.rel.sql + " t0"}
	if loose {
		from, chain = []string{chain[0].rel.sql + " t0"}, chain[1:]
	}
	var on []string
	at := "t0"
	for i, n := range chain[:len(chain)-1] {
		next := "t" + strconv.Itoa(i+1)
		from = append(from, n.rel.sql+" "+next)
		at = n.joinTo(at, next, &from, &on)
	}
	last := w.node
	values, types := last.parentPairs, make([]string, len(w.columns))
	side := at + "."
	if last.through != nil && !w.through {
		x := at + "y" // at's own join table is its x
		from = append(from, last.through.sql+" "+x)
		for _, j := range last.parentPairs {
			on = append(on, x+"."+session.QuoteIdent(j.child)+" = "+at+"."+session.QuoteIdent(j.parent))
		}
		values, side = last.throughPairs, x+"."
	}
	for i, j := range values {
		// What the stream said is of the child's type: the parent's might not take it, or
		// take it for something else.
		typ := known.Base(w.relation().column(j.child).typ)
		in, out := unnested(i, typ.Name, typ.Nested())
		types[i] = in
		on = append(on, side+session.QuoteIdent(j.parent)+" = "+strings.Replace(out, "p.k", "v.v", 1))
	}
	return selectRoots(root, from, on, types, keys)
}

// joinTo joins an include's table under alias next to its parent's under alias at.
func (n *node) joinTo(at, next string, from, on *[]string) string {
	if n.through == nil {
		for _, j := range n.parentPairs {
			*on = append(*on, next+"."+session.QuoteIdent(j.child)+" = "+at+"."+session.QuoteIdent(j.parent))
		}
		return next
	}
	x := next + "x"
	*from = append(*from, n.through.sql+" "+x)
	for _, j := range n.parentPairs {
		*on = append(*on, x+"."+session.QuoteIdent(j.child)+" = "+at+"."+session.QuoteIdent(j.parent))
	}
	for _, j := range n.throughPairs {
		*on = append(*on, next+"."+session.QuoteIdent(j.child)+" = "+x+"."+session.QuoteIdent(j.parent))
	}
	return next
}

func selectRoots(root *rootNode, from, on, types []string, keys [][]string) []byte {
	arrays := make([][]byte, len(types))
	for _, key := range keys {
		for i, text := range key {
			arrays[i] = appendArrayItem(arrays[i], []byte(text))
		}
	}
	sql := []byte(copyHead + "distinct " + root.idTexts("t0") + " from " + strings.Join(from, ", ") + ", (select distinct * from rows from (")
	for i, typ := range types {
		if i > 0 {
			sql = append(sql, ", "...)
		}
		sql = append(sql, "unnest('{"...)
		sql = append(sql, arrays[i]...)
		sql = append(sql, "}'::"+typ+"[])"...)
	}
	sql = append(sql, ") v("+numbered("v", len(types))+")) v where "+strings.Join(on, " and ")+copyTail...)
	return sql
}
