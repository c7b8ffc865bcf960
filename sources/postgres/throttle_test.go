package postgres

import (
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/sources"
)

// TestGentle reads in virtual time: it stands still while the server works, and moves on
// where all wait for the limit.
func TestGentle(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, rowsSQL, "create table c (id int, n int, primary key (id, n)); insert into c select i, n from generate_series(1, 1000) i, generate_series(1, 3) n; analyze")
	shape := sources.Shape{From: "t", Include: []sources.Shape{{Name: "c", From: "c", Many: true, On: on("id", "id")}}}
	for name, c := range map[string]Config{
		"rows":  {MaxRows: 400},     // 4000 rows
		"bytes": {MaxBytes: 10_000}, // about 200 kB
	} {
		t.Run(name, func(t *testing.T) {
			c.Shape, c.Chunks = shape, 2
			s := d.source(c)
			synctest.Test(t, func(t *testing.T) {
				plan, counts, took := readGently(t, s)
				if plan.Readers != 3 || counts.Read != 1000 || counts.Rows < 4000 {
					t.Errorf("%d readers, %+v", plan.Readers, counts)
				}
				due := float64(counts.Rows) / 400
				if name == "bytes" {
					due = float64(counts.Bytes) / 10_000
				}
				// each reader has its last page for free, a quarter of a second's worth
				if got := took.Seconds(); got > due || got < due-1 {
					t.Errorf("%+v took %v s, want %v to %v s", counts, got, due-1, due)
				}
			})
		})
	}
}

func readGently(t *testing.T, s *Source) (plan sources.Plan, counts sources.Counts, took time.Duration) {
	t.Helper()
	ctx := t.Context()
	plan, err := s.Plan(ctx)
	if err != nil {
		t.Fatal(err)
	}
	v, err := s.Open(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close(ctx) }()
	began := time.Now()
	parts := make([]sources.Counts, len(plan.Partitions))
	var readers errgroup.Group
	for i, p := range plan.Partitions {
		readers.Go(func() error {
			r, err := v.Read(ctx, p, "")
			if err != nil {
				return err
			}
			defer func() { _ = r.Close(ctx) }()
			for {
				b := sources.Batch{Limit: 1 << 20}
				if err := r.Next(ctx, &b); errors.Is(err, io.EOF) {
					return nil
				} else if err != nil {
					return err
				}
				parts[i].Add(b.Counts)
			}
		})
	}
	if err := readers.Wait(); err != nil {
		t.Fatal(err)
	}
	took = time.Since(began)
	for _, p := range parts {
		counts.Add(p)
	}
	return plan, counts, took
}
