package postgres

import (
	"context"
	"fmt"

	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/read"
	"humpty/sources/postgres/session"
)

// Plan implements sources.Source.
func (s *Source) Plan(ctx context.Context) (_ sources.Plan, err error) {
	db, err := session.Connect(ctx, s.config.readDSN(), s.config.session())
	if err != nil {
		return sources.Plan{}, err
	}
	defer func() { err = db.Named(err) }()
	defer db.Close(ctx)
	t, warnings, err := query.Compile(ctx, db, s.config.query())
	if err != nil {
		return sources.Plan{}, err
	}
	if err := t.VerifyColumns(ctx, db); err != nil {
		return sources.Plan{}, err
	}
	unstable, err := query.UnstableExpressions(ctx, db, t, false)
	if err != nil {
		return sources.Plan{}, err
	}
	sessions := s.sessions(t)
	readers := sessions.Readers()
	plan := sources.Plan{Fields: documentOf(t), Routed: len(s.config.Shape.Routing) > 0, Readers: readers, Warnings: append(warnings, unstable...), Notes: t.Notes()}
	if s.config.Changes.Column != nil {
		said, err := s.config.Changes.Column.Warnings(t)
		if err != nil {
			return sources.Plan{}, err
		}
		plan.Warnings = append(plan.Warnings, said...)
	}
	cut, err := t.Root.Partition(ctx, db, s.config.Chunks, readers)
	if err != nil {
		return sources.Plan{}, fmt.Errorf("%s: cut %s into partitions: %w", db.Name, t.Root.Relation.Label, err)
	}
	each, err := s.sample(ctx, db, cut)
	if err != nil {
		return sources.Plan{}, fmt.Errorf("%s: sample documents: %w", db.Name, err)
	}
	plan.Rows, plan.Bytes = cut.Rows, cut.Rows*each
	parts := int64(len(cut.Bounds) + 1)
	for i := range parts {
		p := sources.Partition{ID: fmt.Sprintf("%s/%04d", t.Root.Relation.Label, i), Rows: (cut.Rows + parts - 1 - i) / parts}
		p.Bytes = p.Rows * each
		if i > 0 {
			p.From = cut.Bounds[i-1]
		}
		if i < parts-1 {
			p.To = cut.Bounds[i]
		}
		plan.Partitions = append(plan.Partitions, p)
	}
	s.mu.Lock()
	s.planned = t
	s.mu.Unlock()
	return plan, nil
}

// sample gives the bytes of a document, about.
func (s *Source) sample(ctx context.Context, db *session.Session, cut query.Partitioning) (int64, error) {
	o := s.config.query()
	o.Memory = 1 // nothing is loaded for a sample
	t, _, err := query.Compile(ctx, db, o)
	if err != nil {
		return 0, err
	}
	return read.Sample(ctx, db, t, s.config.PageBytes, cut)
}
