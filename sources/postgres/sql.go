package postgres

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

func (n *node) body() string {
	var list []string
	named := func(prefix string, i int, sql string) {
		list = append(list, sql+" as "+prefix+strconv.Itoa(i))
	}
	for i, c := range n.cols {
		named("c", i, c.sql)
	}
	for _, c := range n.named {
		list = append(list, c.sql+" as "+c.name)
	}
	pairs := n.parentPairs
	if n.through != nil {
		pairs = n.throughPairs
	}
	for i, j := range pairs {
		named("j", i, session.QuoteIdent(j.child))
	}
	for i, o := range n.order {
		named("o", i, o.sql)
	}
	return "(select " + strings.Join(list, ", ") + " from " + n.rel.sql + condition(n.shape.Where) + ") r"
}

func condition(where string) string {
	if where == "" {
		return ""
	}
	return " where (" + where + "\n)"
}

// list returns r.c0, r.c1, …
func (n *node) list() string {
	names := make([]string, len(n.cols))
	for i := range n.cols {
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

func (n *node) orderTerms() string {
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
func (n *node) source() (from, side string) {
	if n.through == nil {
		return n.body(), "r.j"
	}
	var list, on []string
	for i, j := range n.parentPairs {
		list = append(list, session.QuoteIdent(j.child)+" as h"+strconv.Itoa(i))
	}
	for i, j := range n.throughPairs {
		list = append(list, session.QuoteIdent(j.parent)+" as t"+strconv.Itoa(i))
		on = append(on, "r.j"+strconv.Itoa(i)+" = x.t"+strconv.Itoa(i))
	}
	return "(select " + strings.Join(list, ", ") + " from " + n.through.sql + condition(n.shape.Through.Where) + ") x join " +
		n.body() + " on " + strings.Join(on, " and "), "x.h"
}

// statement is SQL in pieces, between which a page's values go.
type statement struct {
	head  string // up to the first value
	side  string // r.k or the like: what bounds compare
	tail  string // ORDER BY …
	casts []string
}

const (
	copyHead = "copy (select "
	copyTail = ") to stdout (format binary)"
)

// copySQL is a COPY of what the rest of a SELECT says.
func copySQL(rest string) string { return copyHead + rest + copyTail }

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
func (n *node) inRange() statement {
	from, side := n.source()
	s := statement{side: side, tail: " order by " + numbered(side, len(n.parentPairs)) + n.orderTerms()}
	lead := make([]string, len(n.parentPairs))
	for i, j := range n.parentPairs {
		lead[i] = side + strconv.Itoa(i) + "::" + j.cast
		s.casts = append(s.casts, j.cast)
	}
	s.head = copyHead + strings.Join(lead, ", ") + ", " + n.list() + " from " + from + " where true"
	return s
}

// forKeys reads the rows of an include for the values that a page's parents have.
func (n *node) forKeys() statement {
	from, side := n.source()
	if n.through != nil {
		from = "(" + from + ")"
	}
	var casts []string
	on := make([]string, len(n.parentPairs))
	for i, j := range n.parentPairs {
		cast, value := unnested(i, j.cast, j.nested)
		casts = append(casts, cast)
		on[i] = side + strconv.Itoa(i) + " = " + value
	}
	return statement{
		head: copyHead + "p.n, " + n.list() + " from rows from (", casts: casts,
		tail: ") with ordinality p(" + numbered("k", len(n.parentPairs)) + ", n) join " + from + " on " + strings.Join(on, " and ") +
			" order by p.n" + n.orderTerms(),
	}
}

// wholeTable reads a table that is held in memory.
func (n *node) wholeTable() string {
	lead := make([]string, len(n.parentPairs))
	for i, j := range n.parentPairs {
		lead[i] = "r.j" + strconv.Itoa(i) + "::" + j.cast
	}
	return copyHead + strings.Join(lead, ", ") + ", " + n.list() + " from " + n.body() + " where " +
		notNull("r.j", len(n.parentPairs)) + " order by " + numbered("r.j", len(n.parentPairs)) + copyTail
}

func notNull(prefix string, n int) string {
	terms := make([]string, n)
	for i := range terms {
		terms[i] = prefix + strconv.Itoa(i) + " is not null"
	}
	return strings.Join(terms, " and ")
}

// between appends the statement for keys behind lo, up to hi; nil is unbounded.
func (s *statement) between(sql []byte, lo, hi []string, limit int) []byte {
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

func (s *statement) bound(sql []byte, op string, key []string) []byte {
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

// among appends the statement for single keys; arrays are literals for each column.
func (s *statement) among(sql []byte, arrays [][]byte, limit int) []byte {
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

// appendArrayItem appends a value to the inside of an array literal.
func appendArrayItem(dst, text []byte) []byte {
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
func (n *node) joinToParent() string {
	from, side := n.source()
	if n.through != nil {
		from = "(" + from + ")"
	}
	on := make([]string, len(n.parentPairs))
	for i, j := range n.parentPairs {
		on[i] = fmt.Sprintf("%s%d = p.h%d::%s", side, i, i, j.cast)
	}
	return from + " on " + strings.Join(on, " and ")
}

func (n *node) cursorName() string { return "humpty_" + strconv.Itoa(n.index) }

// declareCursor is the SQL of a node's cursor for the roots behind lo, up to hi. Its rows
// are the root's key and the parent's side of the condition as the page knows them,
// then the node's own columns.
func (n *node) declareCursor(root *rootNode, lo, hi []string) string {
	var path []*node
	for at := n; at.parent != nil; at = at.parent {
		path = append([]*node{at}, path...)
	}
	keys := len(root.key)
	sorts, texts := make([]string, keys), make([]string, keys)
	for i, k := range root.key {
		sorts[i] = "r.k" + strconv.Itoa(i)
		texts[i] = "r.c" + strconv.Itoa(k.col) + " as t" + strconv.Itoa(i)
	}
	heads := func(child *node) string {
		var list strings.Builder
		for i, j := range child.parentPairs {
			fmt.Fprintf(&list, ", r.c%d as h%d", j.col, i)
		}
		return list.String()
	}
	chain := []byte("select " + strings.Join(sorts, ", ") + ", " + strings.Join(texts, ", ") + heads(path[0]) + " from " + root.body() + " where true")
	chain = root.pages.bound(root.pages.bound(chain, " > ", lo), " <= ", hi)
	sql := string(chain)
	for i, at := range path[:len(path)-1] {
		sql = "select " + numbered("p.k", keys) + ", " + numbered("p.t", keys) + heads(path[i+1]) + " from (" + sql + ") p join " + at.joinToParent()
	}
	grouped := make([]string, len(n.parentPairs))
	for i := range n.parentPairs {
		grouped[i] = "p.h" + strconv.Itoa(i) + `::text collate "C"`
	}
	return "declare " + n.cursorName() + " binary no scroll cursor for select " + numbered("p.t", keys) + ", " + numbered("p.h", len(n.parentPairs)) + ", " + n.list() +
		" from (select distinct * from (" + sql + ") d) p join " + n.joinToParent() +
		" order by " + numbered("p.k", keys) + ", " + strings.Join(grouped, ", ") + n.orderTerms()
}

// rowWeight is the size of an include's rows for one row of s, with its side of the
// condition as h<i>_0, h<i>_1, …
func (n *node) rowWeight(i int) string {
	size, on := []string{"24"}, make([]string, len(n.parentPairs))
	for c, col := range n.cols {
		if n.rel.column(strings.Trim(col.sql, `"`)) != nil {
			size = append(size, fmt.Sprintf("coalesce(pg_catalog.pg_column_size(r.c%d), 0)", c))
		}
	}
	for k, j := range n.parentPairs {
		on[k] = fmt.Sprintf("r.j%d = s.h%d_%d::%s", k, i, k, j.cast)
	}
	return "coalesce((select sum(" + strings.Join(size, " + ") + ") from " + n.body() + " where " + strings.Join(on, " and ") + "), 0)"
}
