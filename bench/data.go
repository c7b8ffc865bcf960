package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5"

	"humpty/internal/testenv/shop"
)

// filled is what the bench's database holds, kept as the comment of its schema.
type filled struct {
	By     string     `json:"by"` // bench
	Shape  shop.Shape `json:"shape"`
	Orders int        `json:"orders"`
	TPCH   string     `json:"tpch,omitempty"` // the folder it came from
}

// seedNumber makes the rows the same on every machine.
const seedNumber = 1

// inDatabase reads what the database holds; found is false for an empty one. A schema
// that the bench did not make is an error: seeding would drop it.
func inDatabase(ctx context.Context, conn *pgx.Conn) (f filled, found bool, err error) {
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
func mark(ctx context.Context, conn *pgx.Conn, f filled) error {
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

// reserve marks an empty schema as the bench's before it is filled, so that what an
// interrupted seeding leaves behind may be replaced.
func reserve(ctx context.Context, conn *pgx.Conn) error {
	if _, err := conn.Exec(ctx, "CREATE SCHEMA IF NOT EXISTS shop"); err != nil {
		return fmt.Errorf("create schema shop: %w", err)
	}
	return mark(ctx, conn, filled{})
}
