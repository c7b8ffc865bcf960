package postgres

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"

	"humpty/sources"
)

const (
	idsAtOnce  = 1000 // given to the caller in one portion
	marksAsked = 500  // asked for by one statement
)

// Expand implements sources.Expander: from the changed rows of includes up to the roots,
// by one statement for each kind of mark, streamed.
func (v *view) Expand(ctx context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	if !v.live {
		return sources.TxSnapshot{}, errors.New("this view is one snapshot: there is nothing to expand")
	}
	var collected [][]byte
	give := fn
	if cap(v.slots) == 1 { // who takes the ids looks them up: by the same session
		give = func(ids [][]byte) error {
			collected = append(collected, ids...)
			return nil
		}
	}
	saw, err := v.expand(ctx, marks, give)
	if err == nil && collected != nil {
		err = fn(collected)
	}
	return saw, err
}

func (v *view) expand(ctx context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	db, err := v.acquire(ctx)
	if err != nil {
		return sources.TxSnapshot{}, err
	}
	defer v.release(context.WithoutCancel(ctx), db)
	e := &expansion{db: db, fn: fn}
	var own [][]byte // ids that marks name themselves
	watches := map[string]*dependency{}
	for _, w := range v.uncached.dependencies() {
		watches[w.path()] = w
	}
	grouped := map[string][][]string{}
	var order []string
	for _, m := range marks {
		w := watches[m.Node]
		if w == nil {
			return sources.TxSnapshot{}, fmt.Errorf("a mark of include %q belongs to another definition", m.Node)
		}
		if m.All {
			e.all = true
			continue
		}
		key, err := parsePosition(m.Key, len(w.columns))
		if err != nil {
			return sources.TxSnapshot{}, err
		}
		if v.config.Loose && w.node.parent == v.uncached.root { // the row may be gone, and its parents be elsewhere
			own = append(own, v.uncached.root.documentID(key))
			continue
		}
		if grouped[m.Node] == nil {
			order = append(order, m.Node)
		}
		grouped[m.Node] = append(grouped[m.Node], key)
	}
	if err := db.waitForReplica(ctx); err != nil {
		return sources.TxSnapshot{}, err
	}
	defer db.cancelWith(ctx)()
	return db.inSnapshot(ctx, func() error {
		if e.all {
			return e.run([]byte(v.uncached.root.allIDs()), v.uncached.root)
		}
		if len(own) > 0 {
			if err := fn(own); err != nil {
				return err
			}
		}
		for _, path := range order {
			keys := grouped[path]
			for len(keys) > 0 {
				n := min(len(keys), marksAsked)
				if err := e.run(v.uncached.types.rootsSQL(watches[path], keys[:n], v.config.Loose), v.uncached.root); err != nil {
					return fmt.Errorf("include %s: %w", path, err)
				}
				keys = keys[n:]
			}
		}
		return nil
	})
}

// expansion streams ids.
type expansion struct {
	db  *session
	fn  func([][]byte) error
	all bool
}

// run gives the ids that a statement finds; its rows are the id's columns as text.
func (e *expansion) run(sql []byte, root *node) error {
	e.db.queue(sql)
	if err := e.db.flush(); err != nil {
		return err
	}
	spans := make([]span, len(root.id))
	texts := make([]string, len(root.id))
	var ids [][]byte
	for {
		row, err := e.db.row()
		if err != nil {
			return err
		}
		if row == nil {
			e.db.done()
			return e.fn(ids)
		}
		if err := splitRow(row, spans); err != nil {
			return err
		}
		for i := range spans {
			texts[i] = string(spans[i].of(row))
		}
		if ids = append(ids, composeID(texts)); len(ids) == idsAtOnce {
			if err := e.fn(ids); err != nil {
				return err
			}
			ids = nil
		}
	}
}

// allIDs lists the ids of the whole root table, whatever its filter says.
func (n *node) allIDs() string {
	return copyHead + n.idTexts("t0") + " from " + n.rel.sql + " t0" + copyTail
}

func (n *node) idTexts(table string) string {
	list := make([]string, len(n.id))
	for i, k := range n.id {
		list[i] = table + "." + quoteIdent(k.name) + "::text"
	}
	return strings.Join(list, ", ")
}

// rootsSQL finds the ids of the roots above the rows that have one of the keys: joins from
// the root down to the changed table's parent, and the values there. Filters do not count:
// what they leave out is found to be gone when it is looked up.
//
// In a loose tree the table below the root stands for it: it has the columns of the ids.
func (t *types) rootsSQL(w *dependency, keys [][]string, loose bool) []byte {
	var chain []*node // from the root's child down to the changed include
	for n := w.node; n.parent != nil; n = n.parent {
		chain = append([]*node{n}, chain...)
	}
	root := w.node.top()
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
			on = append(on, x+"."+quoteIdent(j.child)+" = "+at+"."+quoteIdent(j.parent))
		}
		values, side = last.throughPairs, x+"."
	}
	for i, j := range values {
		// What the stream said is of the child's type: the parent's might not take it, or
		// take it for something else.
		typ := t.base(w.relation().column(j.child).typ)
		in, out := unnested(i, typ.name, typ.nested())
		types[i] = in
		on = append(on, side+quoteIdent(j.parent)+" = "+strings.Replace(out, "p.k", "v.v", 1))
	}
	return selectRoots(root, from, on, types, keys)
}

// joinTo joins an include's table under alias next to its parent's under alias at.
func (n *node) joinTo(at, next string, from, on *[]string) string {
	if n.through == nil {
		for _, j := range n.parentPairs {
			*on = append(*on, next+"."+quoteIdent(j.child)+" = "+at+"."+quoteIdent(j.parent))
		}
		return next
	}
	x := next + "x"
	*from = append(*from, n.through.sql+" "+x)
	for _, j := range n.parentPairs {
		*on = append(*on, x+"."+quoteIdent(j.child)+" = "+at+"."+quoteIdent(j.parent))
	}
	for _, j := range n.throughPairs {
		*on = append(*on, next+"."+quoteIdent(j.child)+" = "+x+"."+quoteIdent(j.parent))
	}
	return next
}

func (n *node) top() *node {
	for n.parent != nil {
		n = n.parent
	}
	return n
}

func selectRoots(root *node, from, on, types []string, keys [][]string) []byte {
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
