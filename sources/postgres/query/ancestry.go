package query

import (
	"strconv"
	"strings"

	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/session"
)

// RootsSQL finds the ids of the roots above the rows that have one of the keys: joins from
// the root down to the changed table's parent, and the values there. Filters do not count:
// what they leave out is found to be gone when it is looked up.
//
// In a loose tree the table below the root stands for it: it has the columns of the ids.
func (d *Dependency) RootsSQL(known *pgjson.Types, keys [][]string, loose bool) []byte {
	var chain []*Node // from the root's child down to the changed include
	for n := d.Node; n.Parent != nil; n = n.Parent {
		chain = append([]*Node{n}, chain...)
	}
	root := d.Root
	from := []string{root.Relation.SQL + " t0"}
	if loose {
		from, chain = []string{chain[0].Relation.SQL + " t0"}, chain[1:]
	}
	var on []string
	at := "t0"
	for i, n := range chain[:len(chain)-1] {
		next := "t" + strconv.Itoa(i+1)
		from = append(from, n.Relation.SQL+" "+next)
		at = n.joinTo(at, next, &from, &on)
	}
	last := d.Node
	values, types := last.ParentPairs, make([]string, len(d.Columns))
	side := at + "."
	if last.through != nil && !d.through {
		x := at + "y" // at's own join table is its x
		from = append(from, last.through.SQL+" "+x)
		for _, j := range last.ParentPairs {
			on = append(on, x+"."+session.QuoteIdent(j.child)+" = "+at+"."+session.QuoteIdent(j.parent))
		}
		values, side = last.throughPairs, x+"."
	}
	for i, j := range values {
		// What the stream said is of the child's type: the parent's might not take it, or
		// take it for something else.
		typ := known.Base(d.Relation().Column(j.child).Type)
		in, out := unnested(i, typ.Name, typ.Nested())
		types[i] = in
		on = append(on, side+session.QuoteIdent(j.parent)+" = "+strings.Replace(out, "p.k", "v.v", 1))
	}
	return selectRoots(root, from, on, types, keys)
}

// joinTo joins an include's table under alias next to its parent's under alias at.
func (n *Node) joinTo(at, next string, from, on *[]string) string {
	if n.through == nil {
		for _, j := range n.ParentPairs {
			*on = append(*on, next+"."+session.QuoteIdent(j.child)+" = "+at+"."+session.QuoteIdent(j.parent))
		}
		return next
	}
	x := next + "x"
	*from = append(*from, n.through.SQL+" "+x)
	for _, j := range n.ParentPairs {
		*on = append(*on, x+"."+session.QuoteIdent(j.child)+" = "+at+"."+session.QuoteIdent(j.parent))
	}
	for _, j := range n.throughPairs {
		*on = append(*on, next+"."+session.QuoteIdent(j.child)+" = "+x+"."+session.QuoteIdent(j.parent))
	}
	return next
}

func selectRoots(root *RootNode, from, on, types []string, keys [][]string) []byte {
	arrays := make([][]byte, len(types))
	for _, key := range keys {
		for i, text := range key {
			arrays[i] = AppendArrayItem(arrays[i], []byte(text))
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
