package query

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/sources/postgres/session"
)

// VerifyColumns locks the tables of t and compares the types of their columns.
func (t *Tree) VerifyColumns(ctx context.Context, db *session.Session) error {
	for _, n := range t.Nodes {
		fields, err := db.Describe(ctx, "select "+n.list()+" from "+n.Body())
		if isLockTimeout(err) {
			return lockedError(n.Relation.Label, err)
		}
		if session.IsUnavailable(err) {
			return fmt.Errorf("compare %s with the plan: %w", n.Relation.Label, err)
		}
		if err != nil {
			return fmt.Errorf("table %s was changed since it was planned: %w\n    plan again", n.Relation.Label, err)
		}
		for i, f := range fields {
			c := &n.Cols[i]
			switch {
			case c.result == 0:
				c.result = f.DataTypeOID
			case c.result != f.DataTypeOID:
				return fmt.Errorf("%s changed its type since it was planned\n    plan again", c.Label)
			}
		}
	}
	return nil
}

func isLockTimeout(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

func lockedError(table string, err error) error {
	return fmt.Errorf("table %s is locked by another transaction (DDL, VACUUM FULL or LOCK TABLE): %w\n    wait for it, or raise lock_timeout", table, err)
}

// KeepTypes takes over the types of the columns as they were planned, if they were.
func (t *Tree) KeepTypes(planned *Tree) error {
	if planned == nil {
		return nil
	}
	if len(planned.Policies) == 0 && len(t.Policies) > 0 {
		return fmt.Errorf("%s\n    it did not when it was planned: plan again", t.Policies[0].What)
	}
	if was, is := planned.Root.keyColumns(), t.Root.keyColumns(); was != is {
		return fmt.Errorf("the keys of %s were changed since it was planned: they were %s, and are %s\n    plan again", t.Root.Relation.Label, was, is)
	}
	for i, was := range planned.Nodes { // the shape is the same, and so are its nodes
		if err := keepNodeTypes(t.Nodes[i], was); err != nil {
			return err
		}
	}
	return nil
}

// keepNodeTypes compares the fields. What is selected besides them, as the parent's side of a condition,
// is selected in the form that the chosen way of reading needs.
func keepNodeTypes(n, was *Node) error {
	for i, f := range was.Fields {
		label := was.Cols[f.Col].Label
		if i >= len(n.Fields) || n.Cols[n.Fields[i].Col].Label != label {
			return fmt.Errorf("%s was changed since it was planned: %s is not where it was\n    plan again", n.Relation.Label, label)
		}
		if c := &n.Cols[n.Fields[i].Col]; c.SQL != was.Cols[f.Col].SQL {
			return fmt.Errorf("%s changed its type since it was planned\n    plan again", label)
		}
	}
	if len(n.Fields) > len(was.Fields) {
		return fmt.Errorf("%s was changed since it was planned: %s is new\n    plan again", n.Relation.Label, n.Cols[n.Fields[len(was.Fields)].Col].Label)
	}
	for i := range n.Cols {
		for _, c := range was.Cols {
			if c.SQL == n.Cols[i].SQL {
				n.Cols[i].result = c.result
			}
		}
	}
	return nil
}

// RefusePolicies is an error where row-level security leaves rows out, and changes are captured.
func (t *Tree) RefusePolicies() error {
	if len(t.Policies) == 0 {
		return nil
	}
	return fmt.Errorf("%s: what a policy shows or hides is not in the stream of changes\n    %s", t.Policies[0].What, t.Policies[0].Remedy)
}
