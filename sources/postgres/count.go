package postgres

import (
	"context"
	"fmt"
	"strconv"

	"humpty/sources"
)

var _ sources.Counter = (*view)(nil)

// Count implements sources.Counter: the rows of the root that pass its filter, which the
// server counts without sending them.
func (v *view) Count(ctx context.Context) (int64, error) {
	db, err := v.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer v.release(context.WithoutCancel(ctx), db)
	label := v.tree.root.rel.label
	rows, err := db.rows(ctx, "select pg_catalog.count(*) from "+v.tree.root.body())
	if err != nil {
		db.spent = db.spent || db.pg.IsClosed()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return 0, fmt.Errorf("count %s: %w", label, err)
	}
	n, err := strconv.ParseInt(rows[0][0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", label, err)
	}
	return n, nil
}
