package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"humpty/bench/internal/result"
	"humpty/bench/internal/tpch"
	"humpty/internal/testenv/shop"
)

// dataSet is what the bench's database holds, kept as the comment of its schema.
type dataSet struct {
	By     string     `json:"by"` // bench
	Shape  shop.Shape `json:"shape"`
	Orders int        `json:"orders"`
	TPCH   string     `json:"tpch,omitempty"` // the folder it came from
}

// seedNumber makes the rows the same on every machine.
const seedNumber = 1

// inDatabase reads what the database holds; found is false for an empty one. A schema
// that the bench did not make is an error: seeding would drop it.
func inDatabase(ctx context.Context, conn *pgx.Conn) (f dataSet, found bool, err error) {
	var comment *string
	err = conn.QueryRow(ctx, "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = 'shop'").Scan(&comment)
	if errors.Is(err, pgx.ErrNoRows) {
		return f, false, nil
	}
	if err != nil {
		return f, false, fmt.Errorf("look at the schema shop: %w", err)
	}
	if comment == nil || json.Unmarshal([]byte(*comment), &f) != nil || f.By != "bench" {
		return f, false, fmt.Errorf("database %s has a schema shop that bench did not make; name another one (--database), or drop it if nobody needs it: DROP SCHEMA shop CASCADE", conn.Config().Database)
	}
	return f, f.Orders > 0, nil
}

// mark writes what the database holds.
func mark(ctx context.Context, conn *pgx.Conn, f dataSet) error {
	f.By = "bench"
	note, err := json.Marshal(f)
	if err != nil {
		return err
	}
	var sql string
	if err := conn.QueryRow(ctx, "SELECT format('COMMENT ON SCHEMA shop IS %L', $1::text)", string(note)).Scan(&sql); err != nil {
		return fmt.Errorf("note what was seeded: %w", err)
	}
	if _, err := conn.Exec(ctx, sql); err != nil {
		return fmt.Errorf("note what was seeded: %w", err)
	}
	return nil
}

// reserve marks an empty schema as the bench's before it is contents, so that what an
// interrupted seeding leaves behind may be replaced.
func reserve(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS shop"); err != nil {
		return fmt.Errorf("create schema shop: %w", err)
	}
	return mark(ctx, conn, dataSet{})
}

// seed fills the database unless it holds what is asked for.
func (l *lab) seed(ctx context.Context, anew bool) error {
	conn, err := pgx.Connect(ctx, l.servers.dsn)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	has, found, err := inDatabase(ctx, conn)
	if err != nil {
		return err
	}
	want := dataSet{By: "bench", Shape: l.shape, Orders: l.orders, TPCH: l.data.tpch}
	if l.data.tpch != "" {
		want.Orders = has.Orders // as many as the files have
	}
	if found && has == want && !anew {
		l.orders = has.Orders
		l.say("the database holds %d orders, shape %s, from before", l.orders, l.data.label(l.shape))
		return nil
	}
	if err := reserve(ctx, conn); err != nil {
		return err
	}
	start := time.Now()
	size, err := l.fill(ctx)
	if err != nil {
		return err
	}
	took := time.Since(start)
	l.orders = int(size.Orders)
	want.Orders = l.orders
	if err := settle(ctx, conn, want); err != nil {
		return err
	}
	return l.note(result.Measurement{
		What: result.Seed, Documents: size.Orders, Bytes: size.Bytes, Seconds: took.Seconds(),
		Figures: map[string]float64{"lines": float64(size.Lines), "customers": float64(size.Customers)},
	})
}

func (l *lab) fill(ctx context.Context) (shop.Size, error) {
	if l.data.tpch != "" {
		return tpch.Load(ctx, l.servers.dsn, l.data.tpch)
	}
	return shop.Seed(ctx, l.servers.dsn, shop.Options{Orders: l.orders, Shape: l.shape, Seed: seedNumber})
}

// settle writes everything to disk now, so that no measurement pays for it.
func settle(ctx context.Context, conn *pgx.Conn, f dataSet) error {
	if err := mark(ctx, conn, f); err != nil {
		return err
	}
	if _, err := conn.Exec(ctx, "CHECKPOINT"); err != nil {
		return fmt.Errorf("settle the database: %w", err)
	}
	return nil
}

// markChanged says that the database does not hold what was seeded any more.
func (l *lab) markChanged(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, l.servers.dsn)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	return reserve(ctx, conn)
}

// vacuum leaves nothing to be done of what was written before: rows that are dead, and pages
// that are not on disk.
func (l *lab) vacuum(ctx context.Context) error {
	conn, err := pgx.Connect(ctx, l.servers.dsn)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, sql := range []string{"VACUUM shop.orders", "VACUUM shop.lineitem", "CHECKPOINT"} {
		if _, err := conn.Exec(ctx, sql); err != nil {
			return fmt.Errorf("%s: %w", sql, err)
		}
	}
	return nil
}
