package postgres

import (
	"cmp"
	"fmt"
	"slices"
	"strings"

	"humpty/sources"
	"humpty/sources/postgres/pgjson"
	"humpty/sources/postgres/session"
)

const (
	memoryRows = 200_000 // a table held in memory has no more rows, whatever their size
)

// linker compiles how one include finds its parents, and decides how it is fetched.
type linker struct {
	*compiler
	n     *node
	first *relation // the side that meets the parent
}

func (l *linker) link() {
	n := l.n
	l.first = n.rel
	heads := n.shape.On
	if t := n.shape.Through; t != nil {
		if n.through = l.table(t.From, t.Place); n.through == nil {
			return
		}
		l.checkTableAccess(n.through, t.Place)
		l.first, heads = n.through, t.Parent
		if len(heads) == 0 {
			l.problems.Add(t.Place, "say which columns of "+t.From+" point to the parent", "include %s: through has no parent columns", n.path)
		}
		if t.Where != "" {
			if _, err := l.db.Describe(l.ctx, "select 1 from "+n.through.sql+" where ("+t.Where+"\n) limit 0"); err != nil {
				l.serverError(err, t.Place, "", "where of through %s: %s", t.From, t.Where)
			}
		}
		for _, j := range n.shape.On {
			if child, _ := l.pair(n.rel, n.through, j); child != nil {
				n.throughPairs = append(n.throughPairs, joinPair{child: child.name, parent: unquoted(j.Parent)})
			}
		}
		l.checkComparable(n.rel, n.through, n.shape.On)
	}
	for _, j := range heads {
		child, parent := l.pair(l.first, n.parent.rel, j)
		if child == nil || parent == nil {
			return
		}
		n.parentPairs = append(n.parentPairs, l.join(child, parent))
	}
	l.checkComparable(l.first, n.parent.rel, heads)
	if len(n.parentPairs) == 0 || n.parent.parent == nil && len(l.root.key) == 0 {
		return // said already
	}
	l.checkOne()
	n.fetch = l.chooseFetch()
	for i := range n.parentPairs {
		l.parentColumn(&n.parentPairs[i])
	}
}

func (l *linker) pair(child, parent *relation, j sources.Join) (a, b *relColumn) {
	return l.column(child, j.Child, j.Place), l.column(parent, j.Parent, j.Place)
}

func (l *linker) join(child, parent *relColumn) joinPair {
	ct, pt := l.types.Base(child.typ), l.types.Base(parent.typ)
	same := ct.OID == pt.OID || pgjson.IsInteger(ct.OID) && pgjson.IsInteger(pt.OID) && pgjson.IntSize(ct.OID) <= pgjson.IntSize(pt.OID) ||
		pgjson.IsString(ct.OID) && pgjson.IsString(pt.OID)
	exact := same && pgjson.SameBytes(pt.OID) && child.exact && parent.exact
	return joinPair{
		child: child.name, parent: parent.name, cast: pt.Name, nested: pt.Nested(), text: pgjson.TexterOf(pt.OID),
		exact: exact, sorted: exact && child.collation == parent.collation,
	}
}

// checkComparable asks the server whether the pairs can be compared at all.
func (l *linker) checkComparable(child, parent *relation, on []sources.Join) {
	for _, j := range on {
		if child.column(unquoted(j.Child)) == nil || parent.column(unquoted(j.Parent)) == nil {
			continue
		}
		a, b := session.QuoteIdent(unquoted(j.Child)), session.QuoteIdent(unquoted(j.Parent))
		sql := fmt.Sprintf("select 1 from (select %s as a from %s) x, (select %s as b from %s) y where x.a = y.b limit 0", a, child.sql, b, parent.sql)
		if _, err := l.db.Describe(l.ctx, sql); err != nil {
			l.serverError(err, cmp.Or(j.Place, l.n.shape.Place), "join columns of one type, or use query: with a cast",
				"include %s: %s of %s cannot be compared with %s of %s", l.n.path, j.Child, child.label, j.Parent, parent.label)
		}
	}
}

// checkOne checks that a one can only find one row.
func (l *linker) checkOne() {
	n := l.n
	if !n.shape.One {
		return
	}
	var on []string
	for _, j := range n.shape.On {
		on = append(on, unquoted(j.Child))
	}
	proven := n.rel.uniqueOn(on)
	if n.through != nil {
		var parent []string
		for _, j := range n.parentPairs {
			parent = append(parent, j.child)
		}
		proven = proven && n.through.uniqueOn(parent)
	}
	switch {
	case proven:
	case n.rel.kind == 'q' || n.rel.kind == 'v' || n.rel.kind == 'f' || n.shape.Where != "" || n.through != nil:
		l.problems.Warn(n.shape.Place, "", "include %s is a one, but nothing in the database makes %s unique in %s; a document that finds several rows is rejected",
			n.path, strings.Join(on, ", "), n.rel.label)
	default:
		l.problems.Add(n.shape.Place, "write many: true, add a where that leaves one row, or CREATE UNIQUE INDEX CONCURRENTLY ON "+n.rel.sql+" ("+session.QuoteIdents(on)+");",
			"include %s is a one, but %s is not unique in %s", n.path, strings.Join(on, ", "), n.rel.label)
	}
}

// chooseFetch decides how the rows of an include are read.
func (l *linker) chooseFetch() fetchStrategy {
	n := l.n
	exact := !slices.ContainsFunc(n.parentPairs, func(j joinPair) bool { return !j.exact })
	table := n.rel.kind == 'r' || n.rel.kind == 'p' || n.rel.kind == 'm'
	memory := !slices.ContainsFunc(n.include, func(i *node) bool { return i.fetch != fromMemory })
	if n.shape.One && table && exact && memory && n.through == nil && n.rel.rows <= memoryRows && n.rel.bytes <= l.memory {
		l.memory -= n.rel.bytes
		return fromMemory
	}
	if !l.reachable() {
		return byCursor
	}
	if n.parent.parent == nil && l.alignToRootKey() {
		return byRange
	}
	return byKeys
}

// alignToRootKey reports whether an include's condition is the root's key, sorted as the root is,
// and brings the pairs into the key's order.
func (l *linker) alignToRootKey() bool {
	n := l.n
	key := l.root.key
	if len(key) != len(n.parentPairs) {
		return false
	}
	sorted := make([]joinPair, len(key))
	for i, k := range key {
		at := slices.IndexFunc(n.parentPairs, func(j joinPair) bool { return j.parent == k.name })
		if at < 0 || !n.parentPairs[at].sorted || n.parentPairs[at].text == nil || k.raw < 0 {
			return false
		}
		sorted[i] = n.parentPairs[at]
	}
	n.parentPairs = sorted
	return true
}

// parentColumn selects the parent's side of a pair in the form the chosen way needs.
func (l *linker) parentColumn(head *joinPair) {
	n := l.n
	p := n.parent
	col := p.rel.column(head.parent)
	label := p.rel.label + "." + col.name
	if head.text != nil || n.fetch == byRange || n.fetch == fromMemory {
		head.col = p.add(column{sql: session.QuoteIdent(col.name), label: label, typ: col.typ})
		return
	}
	head.text = pgjson.PlainText
	head.col = p.add(column{sql: session.QuoteIdent(col.name) + "::text", label: label, typ: col.typ})
}

// reachable reports whether rows can be found without reading a large table whole, and
// says what it costs where they cannot.
func (l *linker) reachable() bool {
	n := l.n
	var on []string
	for _, j := range n.parentPairs {
		on = append(on, j.child)
	}
	ok := l.hasIndex(l.first, on)
	if n.through != nil {
		on = nil
		for _, j := range n.throughPairs {
			on = append(on, j.child)
		}
		ok = l.hasIndex(n.rel, on) && ok
	}
	return ok
}

func (l *linker) hasIndex(rel *relation, on []string) bool {
	n := l.n
	if rel.kind == 'q' || rel.kind == 'v' || rel.kind == 'f' || rel.indexed(on) || rel.isSmall() {
		return true
	}
	l.problems.Warn(n.shape.Place, "CREATE INDEX CONCURRENTLY ON "+rel.sql+" ("+session.QuoteIdents(on)+");",
		"include %s: table %s (about %d rows, %s) has no index on %s, so it is read and sorted whole once for each partition",
		n.path, rel.label, rel.rows, rel.size(), strings.Join(on, ", "))
	return false
}
