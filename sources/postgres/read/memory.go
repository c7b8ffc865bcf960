package read

import (
	"context"
	"fmt"
	"slices"

	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// loadMemory reads the tables of small `one` includes, the innermost first.
func loadMemory(ctx context.Context, db *session.Session, t *query.Tree) (*rowArena, error) {
	s := newRowArena(t, nil)
	for _, n := range slices.Backward(t.Nodes) {
		if n.Fetch != query.FromMemory || n.Parent == nil {
			continue
		}
		if err := s.load(ctx, db, n); err != nil {
			return nil, fmt.Errorf("include %s: read %s into memory: %w", n.Path, n.Relation.Label, err)
		}
	}
	return s, nil
}

func (s *rowArena) load(ctx context.Context, db *session.Session, n *query.Node) error {
	defer db.CancelWith(ctx)()
	db.Queue([]byte(n.WholeTable()))
	if err := db.Flush(); err != nil {
		return err
	}
	l := &s.byNode[n.Index]
	for {
		row, err := db.Row()
		if err != nil {
			return err
		}
		if row == nil {
			db.Done()
			return nil
		}
		lead, own, err := s.split(n, row, len(n.ParentPairs))
		if err != nil {
			return err
		}
		g := int(l.keys.add(s.leadingKey(row, lead)))
		if g == len(l.groups) {
			l.groups = append(l.groups, group{})
		}
		if err := s.add(n, row, own, g, 0); err != nil {
			return err
		}
	}
}
