package query

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"humpty/sources/postgres/session"
)

const (
	countedBytes        = 64 << 20 // a table up to this size is cut by all its keys, a larger one by a sample
	chunkBytes          = 32 << 20 // of the root's table in one partition
	chunkRows           = 2000     // a partition has no fewer rows than that
	partitionsPerReader = 16       // partitions for each reader at least: none is left alone at the end, and a crash costs little of the load
	maxChunks           = 10_000
	sampledRows         = 200     // for each partition
	middleRows          = 100_000 // a cut lies in the middle of so many roots at most, so that finding it is cheap
	weighedRows         = 500     // for each partition, with their includes
)

// Partitioning is where a root's key range is divided, and how many rows it has.
type Partitioning struct {
	Bounds []string
	Rows   int64
}

// Partition divides the root's keys into ranges of about the same number of bytes: by all its
// keys where that is cheap, by a sample of them where the rows of includes are weighed
// too, and of its blocks where it is large.
func (r *RootNode) Partition(ctx context.Context, db *session.Session, chunks, readers int) (Partitioning, error) {
	rel := r.Relation
	rows, sampled := rel.Rows, ""
	if rel.Kind == 'q' || rel.Kind == 'v' || rel.Kind == 'f' || r.Shape.Where != "" {
		var err error
		if rows, err = r.estimateRows(ctx, db); err != nil {
			return Partitioning{}, err
		}
	}
	if chunks == 0 {
		chunks = int(max(rel.bytes/chunkBytes, int64(readers*partitionsPerReader)))
		chunks = int(min(int64(chunks), rows/chunkRows, maxChunks))
	}
	chunks = max(chunks, 1)
	thin := 1
	switch heavy := len(r.weighedIncludes()) > 0; {
	case rel.Kind == 'q' || rel.Kind == 'v' || rel.Kind == 'f':
		for most := rows / int64(2*chunks*weighedRows); int64(thin) <= most; {
			thin *= 2
		}
	case rel.bytes > countedBytes:
		percent := 100 * float64(chunks*sampledRows) / float64(max(rel.Rows, 1))
		percent = max(percent, 100*float64(8192*4*chunks)/float64(rel.bytes)) // a few blocks each
		sampled = tableSample("system", percent)
	case heavy && chunks > 1 && (rel.Kind == 'r' || rel.Kind == 'p' || rel.Kind == 'm'):
		sampled = tableSample("bernoulli", 100*float64(chunks*weighedRows)/float64(max(rel.Rows, 1)))
	}
	found, err := db.Rows(ctx, r.partitionSQL(chunks, sampled, thin))
	if err != nil {
		return Partitioning{}, err
	}
	c := Partitioning{Rows: rows}
	for _, r := range found {
		if key := r[:len(r)-2]; r[len(r)-1] == "f" {
			c.Bounds = append(c.Bounds, FormatKey(key))
		}
		if sampled == "" {
			c.Rows = session.ParseInt(r[len(r)-2])
		}
	}
	if sampled == "" && len(found) == 0 {
		c.Rows = 0
	}
	return c, nil
}

func tableSample(method string, percent float64) string {
	if percent >= 100 {
		return ""
	}
	return " tablesample " + method + " (" + strconv.FormatFloat(percent, 'f', 6, 64) + ") repeatable (1)"
}

// partitionSQL gives the last key of each of so many parts of equal weight, with the number
// of rows seen and whether it is the very last key. What a query or view makes of a row
// can be dear: only one row in thin, a power of two, is weighed for it, by its key's hash.
// OFFSET 0 keeps the planner from working a weight out anew wherever it is used.
func (r *RootNode) partitionSQL(chunks int, sampled string, thin int) string {
	keys := numbered("k", len(r.Key))
	var list []string
	texts := make([]string, len(r.Key))
	for i, k := range r.Key {
		list = append(list, k.SQL+" as k"+strconv.Itoa(i))
		texts[i] = "k" + strconv.Itoa(i) + "::text"
	}
	var size []string
	for _, c := range r.Cols {
		if r.Relation.Column(strings.Trim(c.SQL, `"`)) != nil { // a size as it is stored; nothing is unpacked for it
			size = append(size, "coalesce(pg_catalog.pg_column_size("+c.SQL+"), 0)")
		}
	}
	weight := "24"
	if len(size) > 0 {
		weight += " + " + strings.Join(size, " + ")
	}
	if thin > 1 {
		parts := make([]string, len(r.Key))
		for i, k := range r.Key {
			parts[i] = k.SQL + `::text collate "C"`
		}
		weight = fmt.Sprintf("24 + case when pg_catalog.hashtext(%s) & %d = 0 then %d * (%s) else 0 end", strings.Join(parts, " || ' ' || "), thin-1, thin, weight)
	}
	with := ""
	for i, child := range r.weighedIncludes() {
		for k, j := range child.ParentPairs {
			list = append(list, fmt.Sprintf("%s as h%d_%d", r.Cols[j.Col].SQL, i, k))
		}
		with += " + " + child.rowWeight(i)
	}
	from := r.Relation.SQL + sampled + condition(r.Shape.Where)
	return fmt.Sprintf(`with s as (select %[1]s, (%[2]s)::numeric as w from %[3]s), i as (select %[4]s, w%[7]s as w from s offset 0),
o as (select %[4]s, w, sum(w) over (order by %[4]s rows unbounded preceding) as c, sum(w) over () as t, count(*) over () as n from i)
select %[5]s, n, c = t from o where c = t or pg_catalog.floor(c * %[6]d / t) <> pg_catalog.floor((c - w) * %[6]d / t) order by c`,
		strings.Join(list, ", "), weight, from, keys, strings.Join(texts, ", "), chunks, with)
}

// weighedIncludes are the includes whose rows make a partition of the root heavier, where an index
// finds those of one root: they are looked up one by one.
func (r *RootNode) weighedIncludes() []*Node {
	var heavy []*Node
	for _, child := range r.Include {
		var on []string
		for _, j := range child.ParentPairs {
			on = append(on, j.child)
		}
		if child.Shape.Many && child.through == nil && child.Relation.Indexed(on) && (child.Fetch == ByRange || child.Fetch == ByKeys) {
			heavy = append(heavy, child)
		}
	}
	return heavy
}

// estimateRows is the planner's estimate of the rows that pass the root's where.
func (r *RootNode) estimateRows(ctx context.Context, db *session.Session) (int64, error) {
	found, err := db.Rows(ctx, "explain select "+r.list()+" from "+r.Body())
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(found[0][0], " rows=")
	digits, _, _ := strings.Cut(after, " ")
	return session.ParseInt(digits), nil
}

// MiddleSQL gives the key in the middle of the rows behind lo, up to hi, and how many come
// behind it; nothing unless there are more than least.
func (r *RootNode) MiddleSQL(lo, hi []string, least int) string {
	keys := len(r.Key)
	texts := make([]string, keys)
	for i := range texts {
		texts[i] = "k" + strconv.Itoa(i) + "::text"
	}
	some := []byte("select " + numbered("r.k", keys) + " from " + r.Body() + " where true")
	some = r.Pages.bound(r.Pages.bound(some, " > ", lo), " <= ", hi)
	sorted := " order by " + numbered("k", keys)
	return fmt.Sprintf("select %s, c - c / 2 from (select %s, row_number() over (%s) as n, count(*) over () as c from (%s order by %s limit %d) s) m where n = c / 2 and c > %d%s limit 1",
		strings.Join(texts, ", "), numbered("k", keys), strings.TrimSpace(sorted), some, numbered("r.k", keys), max(middleRows, 2*least), least, sorted)
}
