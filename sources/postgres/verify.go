package postgres

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/sources/postgres/session"
)

// verifyColumns locks the tables of t and compares the types of their columns.
func (t *tree) verifyColumns(ctx context.Context, db *session.Session) error {
	for _, n := range t.nodes {
		fields, err := db.Describe(ctx, "select "+n.list()+" from "+n.body())
		if isLockTimeout(err) {
			return lockedError(n.rel.label, err)
		}
		if err != nil {
			return fmt.Errorf("table %s was changed since it was planned: %w\n    plan again", n.rel.label, err)
		}
		for i, f := range fields {
			c := &n.cols[i]
			switch {
			case c.result == 0:
				c.result = f.DataTypeOID
			case c.result != f.DataTypeOID:
				return fmt.Errorf("%s changed its type since it was planned\n    plan again", c.label)
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

// keepTypes takes over the types of the columns as they were planned, if they were.
func (t *tree) keepTypes(planned *tree) error {
	if planned == nil {
		return nil
	}
	for i, was := range planned.nodes {
		n := t.nodes[i] // the shape is the same, and so are its nodes
		for j := range was.cols {
			if j >= len(n.cols) || n.cols[j].label != was.cols[j].label {
				return fmt.Errorf("%s was changed since it was planned: %s is not where it was\n    plan again", n.rel.label, was.cols[j].label)
			}
			n.cols[j].result = was.cols[j].result
		}
		if len(n.cols) > len(was.cols) {
			return fmt.Errorf("%s was changed since it was planned: %s is new\n    plan again", n.rel.label, n.cols[len(was.cols)].label)
		}
	}
	return nil
}
