package rig

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

// Change is one change of an application's to [Loose] tables of that size.
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

// Busy makes changes, some milliseconds apart, until stop is called, which says how many.
func (s *Shop) Busy(t testing.TB, seed uint64, change func(rng *rand.Rand, n int) string) (stop func() int) {
	t.Helper()
	return s.BusyTwice(t, seed, change, func(context.Context, *pgx.Conn) error { return nil })
}

// BusyTwice is Busy for an application that writes to a second place when a change is
// committed.
func (s *Shop) BusyTwice(t testing.TB, seed uint64, change func(rng *rand.Rand, n int) string, after func(context.Context, *pgx.Conn) error) (stop func() int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN)
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
			case <-time.After(time.Duration(rng.IntN(4)) * time.Millisecond):
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

// Until asks every so often until it is so.
func Until(t testing.TB, every time.Duration, what string, so func() bool) {
	t.Helper()
	tick := time.NewTicker(every)
	defer tick.Stop()
	for !so() {
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatalf("%s: %v", what, context.Cause(t.Context()))
		}
	}
}
