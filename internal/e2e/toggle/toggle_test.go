//go:build unix

// Package toggle has rows change to and fro, and many at once, beside a live rebuild.
package toggle

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// toggled are rows that change to and fro, so that two readings often show the same state.
const toggled = 12

// newToggleShop is a shop of 3,000 orders, which can be deleted softly.
func newToggleShop(t *testing.T, writer string) *rig.Shop {
	t.Helper()
	s := rig.New(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres, devstack.Elasticsearch(t))
	s.SQL(t, rig.UnconstrainedTables(3000, 50)+"ALTER TABLE orders ADD deleted_at timestamptz;")
	s.Edit(t, "from: shop.orders\n", "from: shop.orders\n      columns: [id, customer_id, placed, total, note]\n      where: deleted_at is null\n")
	s.Where = "o.deleted_at IS NULL"
	s.Live(t, writer, "")
	return s
}

// toggles are the changes of one row: softly deleted and back, another value and back, and
// deleted and inserted as it was.
func toggles(id int) []string {
	switch id % 3 {
	case 0:
		return []string{
			fmt.Sprintf("UPDATE orders SET deleted_at = now() WHERE id = %d", id),
			fmt.Sprintf("UPDATE orders SET deleted_at = NULL WHERE id = %d", id),
		}
	case 1:
		return []string{
			fmt.Sprintf("UPDATE orders SET note = 'b' WHERE id = %d", id),
			fmt.Sprintf("UPDATE orders SET note = 'a' WHERE id = %d", id),
		}
	}
	return []string{
		fmt.Sprintf("DELETE FROM orders WHERE id = %d", id),
		fmt.Sprintf("INSERT INTO orders VALUES (%d, %d, NULL, 1, 'as it was')", id, 1+id%50),
	}
}

// toggle changes rows to and fro, each about a hundred times a second, until stop is called,
// which says how often.
func toggle(t *testing.T, s *rig.Shop) (stop func() int) {
	t.Helper()
	end := make(chan struct{})
	var group errgroup.Group
	counts := make([]int, 3)
	for writer := range counts {
		conn, err := pgx.Connect(t.Context(), s.DSN)
		if err != nil {
			t.Fatal(err)
		}
		group.Go(func() error {
			defer conn.Close(context.WithoutCancel(t.Context()))
			for n := 0; ; n++ {
				id := writer + 3*(n/2%(toggled/3)) + 3
				select {
				case <-end:
					return nil
				case <-time.After(time.Millisecond):
				}
				if _, err := conn.Exec(t.Context(), toggles(id)[n%2]); err != nil {
					return err
				}
				counts[writer]++
			}
		})
	}
	return func() int {
		t.Helper()
		close(end)
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		return counts[0] + counts[1] + counts[2]
	}
}

// TestTogglingRowsDoNotStopARebuild rebuilds again and again, with humpty follow beside, while the
// same rows change to and fro: none is thrown away for a difference that is none, what a stranger
// writes is found, and at rest all is as SQL says.
func TestTogglingRowsDoNotStopARebuild(t *testing.T) {
	t.Parallel()
	s := newToggleShop(t, "follow")
	stop := toggle(t, s)
	s.Run(t, "rebuild").Want(t, 0)
	following := s.Start(t, "follow")
	for range 11 {
		a := s.Run(t, "rebuild", "--json")
		a.Want(t, 0)
		if v := a.Result(t).Record.Verified; v == nil || v.Level != "full" && v.Level != "partial" || v.Differs() {
			t.Errorf("verified %+v", v)
		}
	}
	s.Run(t, "verify").Want(t, 0, "0 missing, 0 stale, 0 extra")
	s.Request(t, "POST", "/"+s.Alias+"/_update/2000", `{"doc": {"note": "a strangeR"}}`)
	s.Run(t, "verify").Want(t, 3, "0 missing, 1 stale, 0 extra", "document 2000: stale", "a strangeR")
	s.Run(t, "repair").Want(t, 0, "1 written")
	t.Logf("%d changes", stop())
	rig.WaitFor(t, 200*time.Millisecond, "humpty follow", func() bool { return len(s.Differing(t, true)) == 0 })
	following.Interrupt(t).Want(t, 0)
}
