package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"humpty/sources"
)

var _ sources.Splitter = (*reader)(nil)

const (
	aheadRows  = 100_000 // a cut lies in the middle of so many roots at most, so that finding it is cheap
	aheadPages = 4       // what is left must be more than so many pages
)

// Split implements sources.Splitter, between two pages, on the reader's own connection.
func (r *reader) Split(ctx context.Context) (rest sources.Partition, ok bool, err error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.db == nil || r.spent != nil || r.end || r.db.spent || ctx.Err() != nil {
		return rest, false, ctx.Err()
	}
	behind := r.lo
	if r.page.n > 0 {
		if behind, err = parsePosition(string(r.page.metas[r.page.n-1].position.of(r.page.texts)), len(r.view.tree.root.key)); err != nil {
			return rest, false, err
		}
	}
	middle, rows, err := r.middle(ctx, behind)
	if err != nil || middle == nil {
		return rest, false, err
	}
	rest = r.part
	rest.From, rest.Rows = formatPosition(middle), rows
	rest.Bytes = rows * int64(max(r.view.config.PageBytes/r.roots, 1))
	if rest.To = ""; r.hi != nil {
		rest.To = formatPosition(r.hi)
	}
	r.hi, r.page.upTo = middle, middle
	return rest, true, nil
}

// middle is the key in the middle of what is behind a key, and how many rows come behind
// it; nil if that is not worth it. Its statement may fail without an end to the snapshot.
func (r *reader) middle(ctx context.Context, behind []string) (key []string, rows int64, err error) {
	if !r.view.live {
		if err := r.db.exec(ctx, "savepoint split"); err != nil {
			return nil, 0, fmt.Errorf("partition %s: split: %w", r.part.ID, err)
		}
	}
	found, err := r.db.rows(ctx, r.view.tree.middleSQL(behind, r.hi, aheadPages*r.roots))
	if !r.view.live {
		end := "release savepoint split"
		if err != nil {
			end = "rollback to savepoint split; " + end
		}
		if endErr := r.db.exec(ctx, end); endErr != nil {
			return nil, 0, fmt.Errorf("partition %s: split: %w", r.part.ID, endErr)
		}
	}
	if err != nil || len(found) == 0 { // by the statement's own fault, a timeout say: read on as it was
		return nil, 0, ctx.Err()
	}
	last := len(found[0]) - 1
	return found[0][:last], parseInt(found[0][last]), nil
}

// middleSQL gives the key in the middle of the rows behind lo, up to hi, and how many come
// behind it; nothing unless there are more than least.
func (t *tree) middleSQL(lo, hi []string, least int) string {
	keys := len(t.root.key)
	texts := make([]string, keys)
	for i := range texts {
		texts[i] = "k" + strconv.Itoa(i) + "::text"
	}
	some := []byte("select " + numbered("r.k", keys) + " from " + t.root.body() + " where true")
	some = t.pages.bound(t.pages.bound(some, " > ", lo), " <= ", hi)
	sorted := " order by " + numbered("k", keys)
	return fmt.Sprintf("select %s, c - c / 2 from (select %s, row_number() over (%s) as n, count(*) over () as c from (%s order by %s limit %d) s) m where n = c / 2 and c > %d%s limit 1",
		strings.Join(texts, ", "), numbered("k", keys), strings.TrimSpace(sorted), some, numbered("r.k", keys), max(aheadRows, 2*least), least, sorted)
}
