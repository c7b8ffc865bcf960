package rig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/devstack"
)

// Database is one of PostgreSQL that a test fills and changes.
type Database struct {
	DSN string
}

// SQL executes statements.
func (d *Database) SQL(t testing.TB, statements string) {
	t.Helper()
	conn := d.Connect(t)
	if _, err := conn.Exec(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

// Connect is a connection of the test'd.
func (d *Database) Connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// Busy makes changes, some milliseconds apart, until stop is called, which says how many.
func (d *Database) Busy(t testing.TB, seed uint64, change func(rng *rand.Rand, n int) string) (stop func() int) {
	t.Helper()
	return d.BusyWith(t, seed, change, func(context.Context, *pgx.Conn) error { return nil })
}

// Fatigue is after how many changes a writer rests a millisecond longer at most: a run that is
// slow catches up with it all the same.
const Fatigue = 50

// BusyWith is Busy for an application that writes to a second place when a change is
// committed.
func (d *Database) BusyWith(t testing.TB, seed uint64, change func(rng *rand.Rand, n int) string, after func(context.Context, *pgx.Conn) error) (stop func() int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), d.DSN)
	if err != nil {
		t.Fatal(err)
	}
	end := make(chan struct{})
	rng := rand.New(rand.NewPCG(seed, 8))
	done := 0
	var group errgroup.Group
	group.Go(func() error {
		defer conn.Close(context.WithoutCancel(t.Context()))
		for ; ; done++ {
			select {
			case <-end:
				return nil
			case <-time.After(time.Duration(rng.IntN(4+done/Fatigue)) * time.Millisecond):
			}
			if _, err := conn.Exec(t.Context(), change(rng, done), pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
			if err := after(t.Context(), conn); err != nil {
				return err
			}
		}
	})
	return func() int {
		t.Helper()
		close(end)
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		return done
	}
}

// Change is one change of an application's to [UnconstrainedTables] tables of that size.
func Change(rng *rand.Rand, n, orders, customers int) string {
	id := 1 + rng.IntN(orders+orders/20)
	switch rng.IntN(8) {
	case 0:
		return fmt.Sprintf("DELETE FROM line WHERE order_id = %d; DELETE FROM orders WHERE id = %[1]d", id)
	case 1:
		return fmt.Sprintf("UPDATE customer SET name = 'renamed %d' WHERE id = %d", n, 1+rng.IntN(customers))
	case 2:
		return fmt.Sprintf("UPDATE line SET order_id = %d WHERE order_id = %d AND no = 1 AND NOT EXISTS (SELECT FROM line WHERE order_id = %[1]d AND no = 1)", 1+rng.IntN(orders), id)
	case 3:
		return fmt.Sprintf("INSERT INTO line VALUES (%d, %d, 'new %d', 1) ON CONFLICT DO NOTHING", id, 3+rng.IntN(4), n)
	}
	return fmt.Sprintf("INSERT INTO orders VALUES (%d, %d, '2026-02-02', %d, 'changed %d') ON CONFLICT (id) DO UPDATE SET note = excluded.note, total = excluded.total",
		id, 1+rng.IntN(customers), n, n)
}

// Create makes a database of the test's own on a server, as a copy of a template where one is
// named.
func Create(t testing.TB, server, template string) (dsn string) {
	t.Helper()
	name := devstack.Name(t)
	statement := fmt.Sprintf("CREATE DATABASE %q", name)
	if template != "" {
		statement += fmt.Sprintf(" TEMPLATE %q", template)
	}
	(&Database{server}).SQL(t, statement)
	return WithDatabase(t, server, name)
}

// WithDatabase is the address of another database of a server.
func WithDatabase(t testing.TB, server, database string) string {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	u.Path = "/" + database
	return u.String()
}
