package postgres

import (
	"errors"
	"fmt"
	"io"
	"testing"

	"humpty/sources"
)

// halves reads the first page of a partition, splits, and reads what each side has.
func halves(t *testing.T, v sources.View, p sources.Partition) (mine, theirs []sources.Record, split bool) {
	t.Helper()
	r, err := v.Read(t.Context(), p, "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = r.Close(t.Context()) }()
	b := sources.Batch{Limit: 1}
	if err := r.Next(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	rest, split, err := r.(sources.Splitter).Split(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	for b.Limit = 0; err == nil; err = r.Next(t.Context(), &b) {
	}
	if !errors.Is(err, io.EOF) {
		t.Fatal(err)
	}
	if split {
		theirs = readPartition(t, v, rest, "", 0)
	}
	return b.Records, theirs, split
}

// TestSplit cuts by many kinds of keys, with an include by a cursor among them.
func TestSplit(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false)`)
	for name, c := range map[string]struct{ columns, key, values string }{
		"int":         {"k int8", "k", "i::int8 * i * 1000"},
		"text, blind": {"k text collate blind", "k", "case when i % 2 = 0 then 'X''' else 'x\"' end || i"},
		"uuid":        {"k uuid", "k", "md5(i::text)::uuid"},
		"composite":   {"k numeric, l timestamptz", "k, l", "i / 300 / 2.0, timestamptz '1969-12-31' + i * interval '7 minutes'"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d, table := connectTo(t, d.DSN), fmt.Sprintf(`"%s"`, name)
			d.Exec(fmt.Sprintf("create table %[1]s (%[2]s, v int, primary key (%[3]s)); insert into %[1]s select %[4]s, i from generate_series(1, 4000) i", table, c.columns, c.key, c.values))
			_, v := openView(t, d, Config{PageBytes: 2000, Shape: sources.Shape{From: table, Columns: plain("v")}})
			mine, theirs, split := halves(t, v, sources.Partition{ID: "p"})
			if !split || len(mine)+len(theirs) != 4000 || len(mine) < 1900 || len(theirs) < 1900 {
				t.Errorf("split %t: %d and %d documents", split, len(mine), len(theirs))
			}
			seen := map[string]bool{}
			for _, r := range append(mine, theirs...) {
				seen[string(r.Value)] = true
			}
			if len(seen) != 4000 {
				t.Errorf("%d different documents, want 4000", len(seen))
			}
		})
	}
}

// TestSplitIsBounded: finding the cut looks at so many rows ahead and no more; and what
// is too little is not cut.
func TestSplitIsBounded(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "create table t (id int primary key); insert into t select generate_series(1, 150000); analyze")
	_, v := openView(t, d, Config{PageBytes: 20_000, Shape: sources.Shape{From: "t"}})
	mine, theirs, split := halves(t, v, sources.Partition{ID: "p"})
	if !split || len(mine)+len(theirs) != 150_000 || len(mine) < 50_000 || len(mine) > 100_000 {
		t.Errorf("split %t: %d and %d documents", split, len(mine), len(theirs))
	}
	if mine, _, split := halves(t, v, sources.Partition{ID: "p", From: `["1000"]`, To: `["1300"]`}); split || len(mine) != 300 {
		t.Errorf("300 rows were split: %t, %d", split, len(mine))
	}
}

// TestSplitMayFail: a cut that takes longer than a statement may is none.
func TestSplitMayFail(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, rowsSQL)
	_, v := openView(t, d, Config{PageBytes: 100, Shape: sources.Shape{From: "t", Where: "case when current_query() like '%row_' || 'number%' then 1 / (id - id) = 0 else true end"}})
	mine, _, split := halves(t, v, sources.Partition{ID: "p"})
	if split || len(mine) != 1000 {
		t.Errorf("split %t, %d documents, want 1000", split, len(mine))
	}
}
