package read

import (
	"context"
	"errors"
	"fmt"

	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

const (
	idsAtOnce  = 1000 // given to the caller in one portion
	marksAsked = 500  // asked for by one statement
)

// Expand implements sources.Expander: from the changed rows of includes up to the roots,
// by one statement for each kind of mark, streamed.
func (v *View) Expand(ctx context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	if !v.pool.IsLive() {
		return sources.TxSnapshot{}, errors.New("this view is one snapshot: there is nothing to expand")
	}
	var collected [][]byte
	give := fn
	if v.pool.SingleSlot() { // who takes the ids looks them up: by the same session
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

func (v *View) expand(ctx context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	db, err := v.pool.Acquire(ctx)
	if err != nil {
		return sources.TxSnapshot{}, err
	}
	defer v.pool.Release(context.WithoutCancel(ctx), db)
	e := &expansion{db: db, fn: fn}
	var own [][]byte // ids that marks name themselves
	watches := map[string]*query.Dependency{}
	for _, w := range v.uncached.Dependencies() {
		watches[w.Path()] = w
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
		key, err := query.ParseKey(m.Key, len(w.Columns))
		if err != nil {
			return sources.TxSnapshot{}, err
		}
		if v.options.LooseKeys && w.Node.Parent == v.uncached.Root.Node { // the row may be gone, and its parents be elsewhere
			own = append(own, v.uncached.Root.DocumentID(key))
			continue
		}
		if grouped[m.Node] == nil {
			order = append(order, m.Node)
		}
		grouped[m.Node] = append(grouped[m.Node], key)
	}
	if err := db.WaitForReplica(ctx); err != nil {
		return sources.TxSnapshot{}, err
	}
	defer db.CancelWith(ctx)()
	return db.InSnapshot(ctx, func() error {
		if e.all {
			return e.run([]byte(v.uncached.Root.AllIDs()), v.uncached.Root)
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
				if err := e.run(watches[path].RootsSQL(v.uncached.Types, keys[:n], v.options.LooseKeys), v.uncached.Root); err != nil {
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
	db  *session.Session
	fn  func([][]byte) error
	all bool
}

// run gives the ids that a statement finds; its rows are the id's columns as text.
func (e *expansion) run(sql []byte, root *query.RootNode) error {
	e.db.Queue(sql)
	if err := e.db.Flush(); err != nil {
		return err
	}
	spans := make([]session.Span, len(root.ID))
	texts := make([]string, len(root.ID))
	var ids [][]byte
	for {
		row, err := e.db.Row()
		if err != nil {
			return err
		}
		if row == nil {
			e.db.Done()
			return e.fn(ids)
		}
		if err := session.SplitRow(row, spans); err != nil {
			return err
		}
		for i := range spans {
			texts[i] = string(spans[i].Of(row))
		}
		if ids = append(ids, query.ComposeID(texts)); len(ids) == idsAtOnce {
			if err := e.fn(ids); err != nil {
				return err
			}
			ids = nil
		}
	}
}
