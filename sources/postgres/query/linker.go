package query

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
	n     *Node
	first *Relation // the side that meets the parent
}

func (l *linker) link() {
	n := l.n
	l.first = n.Relation
	heads := n.Shape.On
	if t := n.Shape.Through; t != nil {
		if n.through = l.table(t.From, t.Place); n.through == nil {
			return
		}
		l.checkTableAccess(n.through, t.Place)
		l.first, heads = n.through, t.Parent
		if len(heads) == 0 {
			l.problems.Add(t.Place, "say which columns of "+t.From+" point to the parent", "include %s: through has no parent columns", n.Path)
		}
		if t.Where != "" {
			if _, err := l.describe("select 1 from "+n.through.SQL+" where ("+t.Where+"\n) limit 0", t.Place); err != nil {
				l.serverError(err, t.Place, "", "where of through %s: %s", t.From, t.Where)
			}
		}
		for _, j := range n.Shape.On {
			if child, _ := l.pair(n.Relation, n.through, j); child != nil {
				n.throughPairs = append(n.throughPairs, JoinPair{child: child.name, parent: unquoted(j.Parent)})
			}
		}
		l.checkComparable(n.Relation, n.through, n.Shape.On)
	}
	for _, j := range heads {
		child, parent := l.pair(l.first, n.Parent.Relation, j)
		if child == nil || parent == nil {
			return
		}
		n.ParentPairs = append(n.ParentPairs, l.join(child, parent))
	}
	l.checkComparable(l.first, n.Parent.Relation, heads)
	if len(n.ParentPairs) == 0 || n.Parent.Parent == nil && len(l.root.Key) == 0 {
		return // said already
	}
	l.checkOne()
	n.Fetch = l.chooseFetch()
	for i := range n.ParentPairs {
		l.parentColumn(&n.ParentPairs[i])
	}
}

func (l *linker) pair(child, parent *Relation, j sources.Join) (a, b *relColumn) {
	return l.column(child, j.Child, j.Place), l.column(parent, j.Parent, j.Place)
}

func (l *linker) join(child, parent *relColumn) JoinPair {
	ct, pt := l.types.Base(child.Type), l.types.Base(parent.Type)
	same := ct.OID == pt.OID || pgjson.IsInteger(ct.OID) && pgjson.IsInteger(pt.OID) && pgjson.IntSize(ct.OID) <= pgjson.IntSize(pt.OID) ||
		pgjson.IsString(ct.OID) && pgjson.IsString(pt.OID)
	exact := same && pgjson.SameBytes(pt.OID) && child.exact && parent.exact
	return JoinPair{
		child: child.name, parent: parent.name, Cast: pt.Name, nested: pt.Nested(), Text: pgjson.TexterOf(pt.OID),
		exact: exact, sorted: exact && child.collation == parent.collation,
	}
}

// checkComparable asks the server whether the pairs can be compared at all.
func (l *linker) checkComparable(child, parent *Relation, on []sources.Join) {
	for _, j := range on {
		if child.Column(unquoted(j.Child)) == nil || parent.Column(unquoted(j.Parent)) == nil {
			continue
		}
		a, b := session.QuoteIdent(unquoted(j.Child)), session.QuoteIdent(unquoted(j.Parent))
		sql := fmt.Sprintf("select 1 from (select %s as a from %s) x, (select %s as b from %s) y where x.a = y.b limit 0", a, child.SQL, b, parent.SQL)
		if _, err := l.describe(sql, l.n.Shape.Place); err != nil {
			l.serverError(err, cmp.Or(j.Place, l.n.Shape.Place), "join columns of one type, or use query: with a cast",
				"include %s: %s of %s cannot be compared with %s of %s", l.n.Path, j.Child, child.Label, j.Parent, parent.Label)
		}
	}
}

// checkOne checks that a one can only find one row.
func (l *linker) checkOne() {
	n := l.n
	if !n.Shape.One {
		return
	}
	var on []string
	for _, j := range n.Shape.On {
		on = append(on, unquoted(j.Child))
	}
	proven := n.Relation.uniqueOn(on)
	if n.through != nil {
		var parent []string
		for _, j := range n.ParentPairs {
			parent = append(parent, j.child)
		}
		proven = proven && n.through.uniqueOn(parent)
	}
	switch {
	case proven:
	case n.Relation.Kind == 'q' || n.Relation.Kind == 'v' || n.Relation.Kind == 'f' || n.Shape.Where != "" || n.through != nil:
		l.problems.Warn(n.Shape.Place, "", "include %s is a one, but nothing in the database makes %s unique in %s; a document that finds several rows is rejected",
			n.Path, strings.Join(on, ", "), n.Relation.Label)
	default:
		l.problems.Add(n.Shape.Place, "write many: true, add a where that leaves one row, or CREATE UNIQUE INDEX CONCURRENTLY ON "+n.Relation.SQL+" ("+session.QuoteIdents(on)+");",
			"include %s is a one, but %s is not unique in %s", n.Path, strings.Join(on, ", "), n.Relation.Label)
	}
}

// chooseFetch decides how the rows of an include are read.
func (l *linker) chooseFetch() FetchStrategy {
	n := l.n
	exact := !slices.ContainsFunc(n.ParentPairs, func(j JoinPair) bool { return !j.exact })
	table := n.Relation.Kind == 'r' || n.Relation.Kind == 'p' || n.Relation.Kind == 'm'
	memory := !slices.ContainsFunc(n.Include, func(i *Node) bool { return i.Fetch != FromMemory })
	if n.Shape.One && table && exact && memory && n.through == nil && n.Relation.Rows <= memoryRows && n.Relation.bytes <= l.memory {
		l.memory -= n.Relation.bytes
		return FromMemory
	}
	if !l.reachable() {
		return ByCursor
	}
	if n.Parent.Parent == nil && l.alignToRootKey() {
		return ByRange
	}
	return ByKeys
}

// alignToRootKey reports whether an include's condition is the root's key, sorted as the root is,
// and brings the pairs into the key's order.
func (l *linker) alignToRootKey() bool {
	n := l.n
	key := l.root.Key
	if len(key) != len(n.ParentPairs) {
		return false
	}
	sorted := make([]JoinPair, len(key))
	for i, k := range key {
		at := slices.IndexFunc(n.ParentPairs, func(j JoinPair) bool { return j.parent == k.Name })
		if at < 0 || !n.ParentPairs[at].sorted || n.ParentPairs[at].Text == nil || k.Raw < 0 {
			return false
		}
		sorted[i] = n.ParentPairs[at]
	}
	n.ParentPairs = sorted
	return true
}

// parentColumn selects the parent's side of a pair in the form the chosen way needs.
func (l *linker) parentColumn(head *JoinPair) {
	n := l.n
	p := n.Parent
	col := p.Relation.Column(head.parent)
	label := p.Relation.Label + "." + col.name
	if head.Text != nil || n.Fetch == ByRange || n.Fetch == FromMemory {
		head.Col = p.add(Column{SQL: session.QuoteIdent(col.name), Label: label, Type: col.Type})
		return
	}
	head.Text = pgjson.PlainText
	head.Col = p.add(Column{SQL: session.QuoteIdent(col.name) + "::text", Label: label, Type: col.Type})
}

// reachable reports whether rows can be found without reading a large table whole, and
// says what it costs where they cannot.
func (l *linker) reachable() bool {
	n := l.n
	var on []string
	for _, j := range n.ParentPairs {
		on = append(on, j.child)
	}
	ok := l.hasIndex(l.first, on)
	if n.through != nil {
		on = nil
		for _, j := range n.throughPairs {
			on = append(on, j.child)
		}
		ok = l.hasIndex(n.Relation, on) && ok
	}
	return ok
}

func (l *linker) hasIndex(rel *Relation, on []string) bool {
	n := l.n
	if rel.Kind == 'q' || rel.Kind == 'v' || rel.Kind == 'f' || rel.Indexed(on) || rel.IsSmall() {
		return true
	}
	l.problems.Warn(n.Shape.Place, "CREATE INDEX CONCURRENTLY ON "+rel.SQL+" ("+session.QuoteIdents(on)+");",
		"include %s: table %s (about %d rows, %s) has no index on %s, so it is read and sorted whole once for each partition",
		n.Path, rel.Label, rel.Rows, rel.Size(), strings.Join(on, ", "))
	return false
}
