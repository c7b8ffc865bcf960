package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"humpty/sources"
)

const (
	countedBytes        = 64 << 20 // a table up to this size is cut by all its keys, a larger one by a sample
	chunkBytes          = 32 << 20 // of the root's table in one partition
	chunkRows           = 2000     // a partition has no fewer rows than that
	partitionsPerReader = 16       // partitions for each reader at least: none is left alone at the end, and a crash costs little of the load
	maxChunks           = 10_000
	sampledRows         = 200 // for each partition
	weighedRows         = 500 // for each partition, with their includes
)

// Plan implements sources.Source.
func (s *Source) Plan(ctx context.Context) (sources.Plan, error) {
	db, err := connect(ctx, s.config.readDSN(), &s.config)
	if err != nil {
		return sources.Plan{}, err
	}
	defer db.close(ctx)
	t, warnings, err := compile(ctx, db, &s.config)
	if err != nil {
		return sources.Plan{}, err
	}
	if err := verifyColumns(ctx, db, t); err != nil {
		return sources.Plan{}, err
	}
	plan := sources.Plan{Readers: s.config.readers(), Warnings: warnings, Notes: t.notes()}
	if s.config.TimestampColumn != nil {
		said, err := s.config.TimestampColumn.warnings(t)
		if err != nil {
			return sources.Plan{}, err
		}
		plan.Warnings = append(plan.Warnings, said...)
	}
	cut, err := t.partition(ctx, db, &s.config)
	if err != nil {
		return sources.Plan{}, fmt.Errorf("%s: cut %s into partitions: %w", db.name, t.root.rel.label, err)
	}
	each, err := t.sample(ctx, db, &s.config, cut)
	if err != nil {
		return sources.Plan{}, fmt.Errorf("%s: sample documents: %w", db.name, err)
	}
	plan.Rows, plan.Bytes = cut.rows, cut.rows*each
	parts := int64(len(cut.bounds) + 1)
	for i := range parts {
		p := sources.Partition{ID: fmt.Sprintf("%s/%04d", t.root.rel.label, i), Rows: (cut.rows + parts - 1 - i) / parts}
		p.Bytes = p.Rows * each
		if i > 0 {
			p.From = cut.bounds[i-1]
		}
		if i < parts-1 {
			p.To = cut.bounds[i]
		}
		plan.Partitions = append(plan.Partitions, p)
	}
	s.mu.Lock()
	s.planned = t
	s.mu.Unlock()
	return plan, nil
}

// partitioning is where a root's key range is divided, and how many rows it has.
type partitioning struct {
	bounds []string
	rows   int64
}

// partition divides the root's keys into ranges of about the same number of bytes: by all its
// keys where that is cheap, by a sample of them where the rows of includes are weighed
// too, and of its blocks where it is large.
func (t *tree) partition(ctx context.Context, db *session, config *Config) (partitioning, error) {
	rel := t.root.rel
	rows, sampled := rel.rows, ""
	if rel.kind == 'q' || rel.kind == 'v' || rel.kind == 'f' || t.root.shape.Where != "" {
		var err error
		if rows, err = t.estimateRows(ctx, db); err != nil {
			return partitioning{}, err
		}
	}
	chunks := config.Chunks
	if chunks == 0 {
		chunks = int(max(rel.bytes/chunkBytes, int64(config.readers()*partitionsPerReader)))
		chunks = int(min(int64(chunks), rows/chunkRows, maxChunks))
	}
	chunks = max(chunks, 1)
	thin := 1
	switch heavy := len(t.root.weighedIncludes()) > 0; {
	case rel.kind == 'q' || rel.kind == 'v' || rel.kind == 'f':
		for most := rows / int64(2*chunks*weighedRows); int64(thin) <= most; {
			thin *= 2
		}
	case rel.bytes > countedBytes:
		percent := 100 * float64(chunks*sampledRows) / float64(max(rel.rows, 1))
		percent = max(percent, 100*float64(8192*4*chunks)/float64(rel.bytes)) // a few blocks each
		sampled = tableSample("system", percent)
	case heavy && chunks > 1 && (rel.kind == 'r' || rel.kind == 'p' || rel.kind == 'm'):
		sampled = tableSample("bernoulli", 100*float64(chunks*weighedRows)/float64(max(rel.rows, 1)))
	}
	found, err := db.rows(ctx, t.root.partitionSQL(chunks, sampled, thin))
	if err != nil {
		return partitioning{}, err
	}
	c := partitioning{rows: rows}
	for _, r := range found {
		if key := r[:len(r)-2]; r[len(r)-1] == "f" {
			c.bounds = append(c.bounds, formatPosition(key))
		}
		if sampled == "" {
			c.rows = parseInt(r[len(r)-2])
		}
	}
	if sampled == "" && len(found) == 0 {
		c.rows = 0
	}
	return c, nil
}

// partitionSQL gives the last key of each of so many parts of equal weight, with the number
// of rows seen and whether it is the very last key. What a query or view makes of a row
// can be dear: only one row in thin, a power of two, is weighed for it, by its key's hash.
// OFFSET 0 keeps the planner from working a weight out anew wherever it is used.
func (n *node) partitionSQL(chunks int, sampled string, thin int) string {
	keys := numbered("k", len(n.key))
	var list []string
	texts := make([]string, len(n.key))
	for i, k := range n.key {
		list = append(list, k.sql+" as k"+strconv.Itoa(i))
		texts[i] = "k" + strconv.Itoa(i) + "::text"
	}
	var size []string
	for _, c := range n.cols {
		if n.rel.column(strings.Trim(c.sql, `"`)) != nil { // a size as it is stored; nothing is unpacked for it
			size = append(size, "coalesce(pg_catalog.pg_column_size("+c.sql+"), 0)")
		}
	}
	weight := "24"
	if len(size) > 0 {
		weight += " + " + strings.Join(size, " + ")
	}
	if thin > 1 {
		parts := make([]string, len(n.key))
		for i, k := range n.key {
			parts[i] = k.sql + `::text collate "C"`
		}
		weight = fmt.Sprintf("24 + case when pg_catalog.hashtext(%s) & %d = 0 then %d * (%s) else 0 end", strings.Join(parts, " || ' ' || "), thin-1, thin, weight)
	}
	with := ""
	for i, child := range n.weighedIncludes() {
		for k, j := range child.parentPairs {
			list = append(list, fmt.Sprintf("%s as h%d_%d", n.cols[j.col].sql, i, k))
		}
		with += " + " + child.rowWeight(i)
	}
	from := n.rel.sql + sampled + condition(n.shape.Where)
	return fmt.Sprintf(`with s as (select %[1]s, (%[2]s)::numeric as w from %[3]s), i as (select %[4]s, w%[7]s as w from s offset 0),
o as (select %[4]s, w, sum(w) over (order by %[4]s rows unbounded preceding) as c, sum(w) over () as t, count(*) over () as n from i)
select %[5]s, n, c = t from o where c = t or pg_catalog.floor(c * %[6]d / t) <> pg_catalog.floor((c - w) * %[6]d / t) order by c`,
		strings.Join(list, ", "), weight, from, keys, strings.Join(texts, ", "), chunks, with)
}

// weighedIncludes are the includes whose rows make a partition of the root heavier, where an index
// finds those of one root: they are looked up one by one.
func (n *node) weighedIncludes() []*node {
	var heavy []*node
	for _, child := range n.include {
		var on []string
		for _, j := range child.parentPairs {
			on = append(on, j.child)
		}
		if child.shape.Many && child.through == nil && child.rel.indexed(on) && (child.fetch == byRange || child.fetch == byKeys) {
			heavy = append(heavy, child)
		}
	}
	return heavy
}

// rowWeight is the size of an include's rows for one row of s, with its side of the
// condition as h<i>_0, h<i>_1, …
func (n *node) rowWeight(i int) string {
	size, on := []string{"24"}, make([]string, len(n.parentPairs))
	for c, col := range n.cols {
		if n.rel.column(strings.Trim(col.sql, `"`)) != nil {
			size = append(size, fmt.Sprintf("coalesce(pg_catalog.pg_column_size(r.c%d), 0)", c))
		}
	}
	for k, j := range n.parentPairs {
		on[k] = fmt.Sprintf("r.j%d = s.h%d_%d::%s", k, i, k, j.cast)
	}
	return "coalesce((select sum(" + strings.Join(size, " + ") + ") from " + n.body() + " where " + strings.Join(on, " and ") + "), 0)"
}

func tableSample(method string, percent float64) string {
	if percent >= 100 {
		return ""
	}
	return " tablesample " + method + " (" + strconv.FormatFloat(percent, 'f', 6, 64) + ") repeatable (1)"
}

// estimateRows is the planner's estimate of the rows that pass the root's where.
func (t *tree) estimateRows(ctx context.Context, db *session) (int64, error) {
	found, err := db.rows(ctx, "explain select "+t.root.list()+" from "+t.root.body())
	if err != nil {
		return 0, err
	}
	_, after, _ := strings.Cut(found[0][0], " rows=")
	digits, _, _ := strings.Cut(after, " ")
	return parseInt(digits), nil
}

// notes says how each table is read.
func (t *tree) notes() []string {
	var notes []string
	for _, n := range t.nodes {
		if n.parent == nil {
			continue
		}
		how := "by the keys of each page's parents"
		switch n.fetch {
		case byRange:
			how = "in key order beside " + t.root.rel.label
		case fromMemory:
			how = fmt.Sprintf("once, and held in memory (about %d rows, %s)", n.rel.rows, size(n.rel.bytes))
		case byCursor:
			how = "by one sorted join for each partition, since no index finds its rows"
		}
		notes = append(notes, fmt.Sprintf("include %s: %s is read %s", n.path, n.rel.label, how))
	}
	return notes
}
