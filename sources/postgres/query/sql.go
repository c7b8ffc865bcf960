package query

import (
	"fmt"
	"strconv"
	"strings"

	"humpty/sources/postgres/session"
)

// The SQL of a node is built around its body, a subquery that names what the rest
// needs: c0… the selected columns, k0… the key, j0… the child's side of the condition,
// o0… the order. The planner pulls it up, so it costs nothing, and the user's own
// expressions see no table but theirs.

// Body is what stands behind FROM, as r.
func (n *Node) Body() string {
	var list []string
	named := func(prefix string, i int, sql string) {
		list = append(list, sql+" as "+prefix+strconv.Itoa(i))
	}
	for i, c := range n.Cols {
		named("c", i, c.SQL)
	}
	for _, c := range n.named {
		list = append(list, c.sql+" as "+c.name)
	}
	pairs := n.ParentPairs
	if n.through != nil {
		pairs = n.throughPairs
	}
	for i, j := range pairs {
		named("j", i, session.QuoteIdent(j.child))
	}
	for i, o := range n.order {
		named("o", i, o.sql)
	}
	return "(select " + strings.Join(list, ", ") + " from " + n.Relation.SQL + condition(n.Shape.Where) + ") r"
}

func condition(where string) string {
	if where == "" {
		return ""
	}
	return " where (" + where + "\n)"
}

// list returns r.c0, r.c1, …
func (n *Node) list() string {
	names := make([]string, len(n.Cols))
	for i := range n.Cols {
		names[i] = "r.c" + strconv.Itoa(i)
	}
	return strings.Join(names, ", ")
}

func numbered(prefix string, n int) string {
	names := make([]string, n)
	for i := range names {
		names[i] = prefix + strconv.Itoa(i)
	}
	return strings.Join(names, ", ")
}

func (n *Node) orderTerms() string {
	var b strings.Builder
	for i, o := range n.order {
		b.WriteString(", r.o" + strconv.Itoa(i))
		if o.desc {
			b.WriteString(" desc")
		}
	}
	return b.String()
}

// source returns what stands behind FROM, and by what names the child meets its parent.
func (n *Node) source() (from, side string) {
	if n.through == nil {
		return n.Body(), "r.j"
	}
	var list, on []string
	for i, j := range n.ParentPairs {
		list = append(list, session.QuoteIdent(j.child)+" as h"+strconv.Itoa(i))
	}
	for i, j := range n.throughPairs {
		list = append(list, session.QuoteIdent(j.parent)+" as t"+strconv.Itoa(i))
		on = append(on, "r.j"+strconv.Itoa(i)+" = x.t"+strconv.Itoa(i))
	}
	return "(select " + strings.Join(list, ", ") + " from " + n.through.SQL + condition(n.Shape.Through.Where) + ") x join " +
		n.Body() + " on " + strings.Join(on, " and "), "x.h"
}

// Statement is SQL in pieces, between which a page's values go.
type Statement struct {
	head  string // up to the first value
	side  string // r.k or the like: what bounds compare
	tail  string // ORDER BY …
	casts []string
}

const (
	copyHead = "copy (select "
	copyTail = ") to stdout (format binary)"
)

// CopySQL is a COPY of what the rest of a SELECT says.
func CopySQL(rest string) string { return copyHead + rest + copyTail }

// unnested says as what the values of a column of p go into an array, and how they are
// had from there: as text where there is no other way.
func unnested(i int, cast string, nested bool) (in, out string) {
	out = "p.k" + strconv.Itoa(i)
	if nested {
		return "pg_catalog.text", out + "::" + cast
	}
	return cast, out
}

// inRange reads the rows of an include whose parents lie in the root's key range.
func (n *Node) inRange() Statement {
	from, side := n.source()
	s := Statement{side: side, tail: " order by " + numbered(side, len(n.ParentPairs)) + n.orderTerms()}
	lead := make([]string, len(n.ParentPairs))
	for i, j := range n.ParentPairs {
		lead[i] = side + strconv.Itoa(i) + "::" + j.Cast
		s.casts = append(s.casts, j.Cast)
	}
	s.head = copyHead + strings.Join(lead, ", ") + ", " + n.list() + " from " + from + " where true"
	return s
}

// forKeys reads the rows of an include for the values that a page's parents have.
func (n *Node) forKeys() Statement {
	from, side := n.source()
	if n.through != nil {
		from = "(" + from + ")"
	}
	var casts []string
	on := make([]string, len(n.ParentPairs))
	for i, j := range n.ParentPairs {
		cast, value := unnested(i, j.Cast, j.nested)
		casts = append(casts, cast)
		on[i] = side + strconv.Itoa(i) + " = " + value
	}
	return Statement{
		head: copyHead + "p.n, " + n.list() + " from rows from (", casts: casts,
		tail: ") with ordinality p(" + numbered("k", len(n.ParentPairs)) + ", n) join " + from + " on " + strings.Join(on, " and ") +
			" order by p.n" + n.orderTerms(),
	}
}

// WholeTable reads a table that is held in memory.
func (n *Node) WholeTable() string {
	lead := make([]string, len(n.ParentPairs))
	for i, j := range n.ParentPairs {
		lead[i] = "r.j" + strconv.Itoa(i) + "::" + j.Cast
	}
	return copyHead + strings.Join(lead, ", ") + ", " + n.list() + " from " + n.Body() + " where " +
		notNull("r.j", len(n.ParentPairs)) + " order by " + numbered("r.j", len(n.ParentPairs)) + copyTail
}

func notNull(prefix string, n int) string {
	terms := make([]string, n)
	for i := range terms {
		terms[i] = prefix + strconv.Itoa(i) + " is not null"
	}
	return strings.Join(terms, " and ")
}

// Between appends the statement for keys behind lo, up to hi; nil is unbounded.
func (s *Statement) Between(sql []byte, lo, hi []string, limit int) []byte {
	sql = append(sql, s.head...)
	sql = s.bound(sql, " > ", lo)
	sql = s.bound(sql, " <= ", hi)
	sql = append(sql, s.tail...)
	return appendLimit(sql, limit)
}

func appendLimit(sql []byte, limit int) []byte {
	if limit > 0 {
		sql = strconv.AppendInt(append(sql, " limit "...), int64(limit), 10)
	}
	return append(sql, copyTail...)
}

func (s *Statement) bound(sql []byte, op string, key []string) []byte {
	if key == nil {
		return sql
	}
	sql = append(sql, " and ("...)
	sql = append(sql, numbered(s.side, len(key))...)
	sql = append(sql, ")"+op+"("...)
	for i, text := range key {
		if i > 0 {
			sql = append(sql, ", "...)
		}
		sql = append(sql, session.QuoteLiteral(text)+"::"+s.casts[i]...)
	}
	return append(sql, ')')
}

// Among appends the statement for single keys; arrays are literals for each column.
func (s *Statement) Among(sql []byte, arrays [][]byte, limit int) []byte {
	sql = append(sql, s.head...)
	for i, a := range arrays {
		if i > 0 {
			sql = append(sql, ", "...)
		}
		sql = append(sql, "unnest('{"...)
		sql = append(sql, a...)
		sql = append(append(append(sql, "}'::"...), s.casts[i]...), "[])"...)
	}
	sql = append(sql, s.tail...)
	return appendLimit(sql, limit)
}

// AppendArrayItem appends a value to the inside of an array literal.
func AppendArrayItem(dst, text []byte) []byte {
	if len(dst) > 0 {
		dst = append(dst, ',')
	}
	dst = append(dst, '"')
	for _, c := range text {
		switch c {
		case '"', '\\':
			dst = append(dst, '\\', c)
		case '\'':
			dst = append(dst, '\'', '\'')
		default:
			dst = append(dst, c)
		}
	}
	return append(dst, '"')
}

// joinToParent is the node's side of a join with its parents, which are called p.
func (n *Node) joinToParent() string {
	from, side := n.source()
	if n.through != nil {
		from = "(" + from + ")"
	}
	on := make([]string, len(n.ParentPairs))
	for i, j := range n.ParentPairs {
		on[i] = fmt.Sprintf("%s%d = p.h%d::%s", side, i, i, j.Cast)
	}
	return from + " on " + strings.Join(on, " and ")
}

// CursorName is what the node's cursor is called.
func (n *Node) CursorName() string { return "humpty_" + strconv.Itoa(n.Index) }

// DeclareCursor is the SQL of a node's cursor for the roots behind lo, up to hi. Its rows
// are the root's key and the parent's side of the condition as the page knows them,
// then the node's own columns.
func (n *Node) DeclareCursor(root *RootNode, lo, hi []string) string {
	var path []*Node
	for at := n; at.Parent != nil; at = at.Parent {
		path = append([]*Node{at}, path...)
	}
	keys := len(root.Key)
	sorts, texts := make([]string, keys), make([]string, keys)
	for i, k := range root.Key {
		sorts[i] = "r.k" + strconv.Itoa(i)
		texts[i] = "r.c" + strconv.Itoa(k.Col) + " as t" + strconv.Itoa(i)
	}
	heads := func(child *Node) string {
		var list strings.Builder
		for i, j := range child.ParentPairs {
			fmt.Fprintf(&list, ", r.c%d as h%d", j.Col, i)
		}
		return list.String()
	}
	chain := []byte("select " + strings.Join(sorts, ", ") + ", " + strings.Join(texts, ", ") + heads(path[0]) + " from " + root.Body() + " where true")
	chain = root.Pages.bound(root.Pages.bound(chain, " > ", lo), " <= ", hi)
	sql := string(chain)
	for i, at := range path[:len(path)-1] {
		sql = "select " + numbered("p.k", keys) + ", " + numbered("p.t", keys) + heads(path[i+1]) + " from (" + sql + ") p join " + at.joinToParent()
	}
	grouped := make([]string, len(n.ParentPairs))
	for i := range n.ParentPairs {
		grouped[i] = "p.h" + strconv.Itoa(i) + `::text collate "C"`
	}
	return "declare " + n.CursorName() + " binary no scroll cursor for select " + numbered("p.t", keys) + ", " + numbered("p.h", len(n.ParentPairs)) + ", " + n.list() +
		" from (select distinct * from (" + sql + ") d) p join " + n.joinToParent() +
		" order by " + numbered("p.k", keys) + ", " + strings.Join(grouped, ", ") + n.orderTerms()
}

// rowWeight is the size of an include's rows for one row of s, with its side of the
// condition as h<i>_0, h<i>_1, …
func (n *Node) rowWeight(i int) string {
	size, on := []string{"24"}, make([]string, len(n.ParentPairs))
	for c, col := range n.Cols {
		if n.Relation.Column(strings.Trim(col.SQL, `"`)) != nil {
			size = append(size, fmt.Sprintf("coalesce(pg_catalog.pg_column_size(r.c%d), 0)", c))
		}
	}
	for k, j := range n.ParentPairs {
		on[k] = fmt.Sprintf("r.j%d = s.h%d_%d::%s", k, i, k, j.Cast)
	}
	return "coalesce((select sum(" + strings.Join(size, " + ") + ") from " + n.Body() + " where " + strings.Join(on, " and ") + "), 0)"
}
