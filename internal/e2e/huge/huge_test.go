//go:build unix

// Package huge has one transaction change more than comes at once from a slot.
package huge

import (
	"strings"
	"testing"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// TestHugeTransactionInALiveRun changes every row of three tables in one transaction while a rebuild
// loads: more marks than come at once from the slot. At the swap every document is as SQL says.
func TestHugeTransactionInALiveRun(t *testing.T) {
	t.Parallel()
	s := rig.New(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres, devstack.Elasticsearch(t))
	s.SQL(t, rig.UnconstrainedTables(50_000, 100))
	s.Live(t, "freeze", "")
	loading, release := s.Hold(t, 2)
	p := s.Start(t, "rebuild", "--json")
	select {
	case <-loading:
	case <-t.Context().Done():
	}
	s.SQL(t, `BEGIN; UPDATE line SET sku = 'changed ' || order_id; UPDATE orders SET note = 'changed', customer_id = customer_id % 100 + 1;
UPDATE customer SET name = 'changed ' || id; DELETE FROM orders WHERE id % 10 = 0; COMMIT`)
	release()
	a := p.Wait(t)
	a.Want(t, 0)
	marks := 0
	for _, r := range a.Result(t).Record.Rounds {
		marks += r.Marks
	}
	if marks < 100_000 {
		t.Errorf("%d marks", marks)
	}
	if all := s.Differing(t, false); len(all) > 0 {
		t.Errorf("%d documents differ: %s", len(all), strings.Join(all[:min(len(all), 3)], "; "))
	}
}
