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
	for i, was := range planned.Nodes {
		n := t.Nodes[i] // the shape is the same, and so are its nodes
		for j := range was.Cols {
			if j >= len(n.Cols) || n.Cols[j].Label != was.Cols[j].Label {
				return fmt.Errorf("%s was changed since it was planned: %s is not where it was\n    plan again", n.Relation.Label, was.Cols[j].Label)
			}
			n.Cols[j].result = was.Cols[j].result
		}
		if len(n.Cols) > len(was.Cols) {
			return fmt.Errorf("%s was changed since it was planned: %s is new\n    plan again", n.Relation.Label, n.Cols[len(was.Cols)].Label)
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
