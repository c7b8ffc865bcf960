package postgres

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"runtime"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/sources"
	"humpty/sources/postgres/pgtest"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

const benchOrders = 60_000

var benchSQL = fmt.Sprintf(`
create table nation(n_nationkey int primary key, n_name text not null);
insert into nation select i, 'NATION ' || i from generate_series(0, 24) i;
create table customer(c_custkey int primary key, c_name text, c_nationkey int, c_segment text, c_comment text);
insert into customer select i, 'Customer#' || i, i %% 25, 'BUILDING', repeat('c', 60) from generate_series(1, 6000) i;
create table orders(o_orderkey int8 primary key, o_custkey int not null, o_status text, o_total numeric(15,2), o_date date,
  o_priority text, o_clerk text, o_created timestamptz, o_comment text);
insert into orders select i * 4, 1 + i %% 6000, 'O', (i * 37 %% 100000) / 100.0, date '1992-01-01' + i %% 2400, '5-LOW', 'Clerk#' || i %% 1000,
  timestamptz '2020-01-01' + i * interval '1 minute', 'furiously special deposits sleep quickly about the ' || md5(i::text) from generate_series(1, %d) i;
create table lineitem(l_orderkey int8, l_linenumber int, l_partkey int, l_suppkey int, l_quantity numeric(15,2), l_price numeric(15,2),
  l_discount numeric(15,2), l_tax numeric(15,2), l_returnflag char(1), l_linestatus char(1), l_shipdate date, l_commitdate date,
  l_receiptdate date, l_instruct text, l_mode text, l_comment text, primary key (l_orderkey, l_linenumber));
insert into lineitem select i * 4, n, i * n %% 20000, n, n * 3, (i * n %% 100000) / 100.0, 0.05, 0.02, 'N', 'O', '1996-03-13', '1996-02-12',
  '1996-03-22', 'DELIVER IN PERSON', 'TRUCK', 'egular courts above the ' || n from generate_series(1, %d) i, generate_series(1, 4) n;
vacuum analyze;`, benchOrders, benchOrders)

func benchShape() sources.Shape {
	nation := sources.Shape{Name: "nation", From: "nation", On: on("n_nationkey", "c_nationkey"), One: true, Columns: plain("n_name"), Flatten: true}
	return sources.Shape{From: "orders", Include: []sources.Shape{
		{Name: "customer", From: "customer", On: on("c_custkey", "o_custkey"), One: true, Include: []sources.Shape{nation}},
		{Name: "lines", From: "lineitem", On: on("l_orderkey", "o_orderkey"), Many: true, OrderBy: []sources.Order{{Column: "l_linenumber"}}},
	}}
}

// BenchmarkRead reads whole documents from a real table: raw is what nothing can beat,
// the same rows as plain binary COPY over the same connections.
func BenchmarkRead(b *testing.B) {
	if testing.Short() {
		b.Skip("needs PostgreSQL")
	}
	c := Config{DSN: os.Getenv("HUMPTY_BENCH_DSN"), Shape: benchShape(), LockTimeout: time.Minute}
	if c.DSN == "" {
		c.DSN = newDatabase(b, benchSQL).DSN
	} else { // a database with the shop's schema
		c.Shape.From, c.Shape.Include[0].From, c.Shape.Include[1].From = "shop.orders", "shop.customer", "shop.lineitem"
		c.Shape.Include[0].Include[0].From = "shop.nation"
	}
	if v := os.Getenv("HUMPTY_BENCH_PAGE"); v != "" {
		if _, err := fmt.Sscan(v, &c.PageBytes); err != nil {
			b.Fatal(err)
		}
	}
	s, err := New(c)
	if err != nil {
		b.Fatal(err)
	}
	plan, err := s.Plan(b.Context())
	if err != nil {
		b.Fatal(err)
	}
	b.Run("documents", func(b *testing.B) { measure(b, s, plan, readDocuments) })
	b.Run("raw", func(b *testing.B) { measure(b, s, plan, readRaw(c)) })
}

type readFunc func(ctx context.Context, v sources.View, p sources.Partition) (documents, bytes, out int64, err error)

func measure(b *testing.B, s *Source, plan sources.Plan, read readFunc) {
	var documents, bytes, out int64
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	cpu := pgtest.OwnCPU()
	for b.Loop() {
		v, err := s.Open(b.Context())
		if err != nil {
			b.Fatal(err)
		}
		g, ctx := errgroup.WithContext(b.Context())
		g.SetLimit(plan.Readers)
		counts := make(chan [3]int64, len(plan.Partitions))
		for _, p := range plan.Partitions {
			g.Go(func() error {
				n, in, o, err := read(ctx, v, p)
				counts <- [3]int64{n, in, o}
				return err
			})
		}
		if err := g.Wait(); err != nil {
			b.Fatal(err)
		}
		close(counts)
		for c := range counts {
			documents, bytes, out = documents+c[0], bytes+c[1], out+c[2]
		}
		_ = v.Close(b.Context())
	}
	runtime.ReadMemStats(&after)
	n := float64(documents)
	b.ReportMetric(n/b.Elapsed().Seconds(), "docs/s")
	b.ReportMetric((pgtest.OwnCPU()-cpu).Seconds()/n*1e6, "cpu-s/Mdoc")
	b.ReportMetric(float64(after.Mallocs-before.Mallocs)/n, "allocs/doc")
	b.ReportMetric(float64(bytes)/b.Elapsed().Seconds()/1e6, "in-MB/s")
	b.ReportMetric(float64(out)/n, "bytes/doc")
}

func readDocuments(ctx context.Context, v sources.View, p sources.Partition) (documents, bytes, out int64, err error) {
	r, err := v.Read(ctx, p, "")
	if err != nil {
		return 0, 0, 0, err
	}
	defer func() { _ = r.Close(ctx) }()
	batch := sources.Batch{Limit: 1 << 20}
	for {
		batch.Reset()
		if err := r.Next(ctx, &batch); errors.Is(err, io.EOF) {
			return documents, bytes, out, nil
		} else if err != nil {
			return 0, 0, 0, err
		}
		documents += batch.Counts.Used
		bytes += batch.Counts.Bytes
		out += int64(len(batch.Data))
	}
}

// readRaw gives what copies the root's and the lines' rows of a partition and looks at none.
func readRaw(c Config) readFunc {
	return func(ctx context.Context, _ sources.View, p sources.Partition) (documents, bytes, out int64, err error) {
		db, err := session.Connect(ctx, c.DSN, c.session())
		if err != nil {
			return 0, 0, 0, err
		}
		defer db.Close(ctx)
		t, _, err := query.Compile(ctx, db, c.query())
		if err != nil {
			return 0, 0, 0, err
		}
		lo, err := query.ParseKey(p.From, 1)
		if err != nil {
			return 0, 0, 0, err
		}
		hi, err := query.ParseKey(p.To, 1)
		if err != nil {
			return 0, 0, 0, err
		}
		before := db.BytesReceived()
		for i, s := range []query.Statement{t.Root.Pages, t.InRange[3]} {
			db.Queue(s.Between(nil, lo, hi, 0))
			if err := db.Flush(); err != nil {
				return 0, 0, 0, err
			}
			for {
				row, err := db.Row()
				if err != nil {
					return 0, 0, 0, err
				}
				if row == nil {
					break
				}
				if i == 0 {
					documents++
				}
			}
			db.Done()
		}
		return documents, db.BytesReceived() - before, 0, nil
	}
}
