package read

import (
	"context"
	"fmt"

	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

var _ sources.Splitter = (*reader)(nil)

const (
	aheadPages = 4 // what is left must be more than so many pages
)

// Split implements sources.Splitter, between two pages, on the reader's own connection.
func (r *reader) Split(ctx context.Context) (rest sources.Partition, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.db == nil || r.spent != nil || r.end || r.db.IsSpent() || ctx.Err() != nil {
		return rest, false, ctx.Err()
	}
	behind := r.lo
	if r.page.n > 0 {
		if behind, err = query.ParseKey(string(r.page.roots.position(r.page.n-1)), len(r.view.tree.Root.Key)); err != nil {
			return rest, false, err
		}
	}
	middle, rows, err := r.middle(ctx, behind)
	if err != nil || middle == nil {
		return rest, false, err
	}
	rest = r.part
	rest.From, rest.Rows = query.FormatKey(middle), rows
	rest.Bytes = rows * int64(max(r.view.options.PageBytes/r.roots, 1))
	if rest.To = ""; r.hi != nil {
		rest.To = query.FormatKey(r.hi)
	}
	r.hi, r.page.cursors.upTo = middle, middle
	return rest, true, nil
}

// middle is the key in the middle of what is behind a key, and how many rows come behind
// it; nil if that is not worth it. Its statement may fail without an end to the snapshot.
func (r *reader) middle(ctx context.Context, behind []string) (key []string, rows int64, err error) {
	if !r.view.pool.IsLive() {
		if err := r.db.Exec(ctx, "savepoint split"); err != nil {
			return nil, 0, fmt.Errorf("partition %s: split: %w", r.part.ID, err)
		}
	}
	found, err := r.db.Rows(ctx, r.view.tree.Root.MiddleSQL(behind, r.hi, aheadPages*r.roots))
	if !r.view.pool.IsLive() {
		end := "release savepoint split"
		if err != nil {
			end = "rollback to savepoint split; " + end
		}
		if endErr := r.db.Exec(ctx, end); endErr != nil {
			return nil, 0, fmt.Errorf("partition %s: split: %w", r.part.ID, endErr)
		}
	}
	if err != nil || len(found) == 0 { // by the statement's own fault, a timeout say: read on as it was
		return nil, 0, ctx.Err()
	}
	last := len(found[0]) - 1
	return found[0][:last], session.ParseInt(found[0][last]), nil
}
