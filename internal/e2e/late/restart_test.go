//go:build unix

package late

import (
	"net/http"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// A node of the target is killed and started again between a deletion and the late landing of the
// attempt that nobody knows of: with the process the node loses what it remembers of deletions.
func TestLateBulkBehindARestart(t *testing.T) {
	t.Parallel()
	target := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindElasticsearch},
		Config:  map[devstack.Kind][]string{devstack.KindElasticsearch: {"cluster.routing.allocation.disk.threshold_enabled: false"}},
	})
	shopOn := func(t *testing.T, writer string) (*rig.Shop, *proxy) {
		s := rig.New(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres, target.Addresses().Elasticsearch)
		s.SQL(t, rig.UnconstrainedTables(300, 10))
		s.Live(t, writer, "")
		return s, behind(t, s)
	}
	t.Run("follow", func(t *testing.T) {
		s, p := shopOn(t, "follow")
		s.Run(t, "rebuild").Want(t, 0)
		following := follow(t, s)
		p.holding(`"_id":"5"`)
		s.SQL(t, "UPDATE orders SET note = 'changed' WHERE id = 5")
		p.wait(t)
		right := func() bool { return len(s.Differing(t, true)) == 0 }
		rig.WaitFor(t, 20*time.Millisecond, "humpty follow writes it again", right)
		s.SQL(t, "DELETE FROM line WHERE order_id = 5; DELETE FROM orders WHERE id = 5")
		rig.WaitFor(t, 20*time.Millisecond, "humpty follow deletes it", right)
		restart(t, s, target)
		t.Log(p.pass(t))
		rig.WaitFor(t, time.Second, "the late attempt is undone", right)
		gone(t, s, 5, p.pass(t))
		interrupt(t, following)
	})
	t.Run("handover", func(t *testing.T) {
		s, p := shopOn(t, "handover")
		heldBehindASwap(t, s, p)
		remove(t, s, 777)
		restart(t, s, target)
		gone(t, s, 777, p.pass(t))
	})
}

// restart kills the target's only node and starts it again. It fails the test if the node still knows
// what was deleted: a document that was deleted with the highest version can be written with the lowest.
func restart(t *testing.T, s *rig.Shop, target *devstack.Stack) {
	t.Helper()
	index, _ := s.Serving(t)
	probe := "/" + index + "/_doc/999999?version_type=external_gte&version="
	s.Request(t, http.MethodPut, probe+"9000000000000000000", `{"id": 999999}`)
	s.Request(t, http.MethodDelete, probe+"9000000000000000001", "")
	s.Request(t, http.MethodPost, "/"+index+"/_flush?force=true", "") // a translog would say it again
	if err := target.Kill(devstack.KindElasticsearch); err != nil {
		t.Fatal(err)
	}
	if err := target.Start(t.Context(), devstack.KindElasticsearch); err != nil {
		t.Fatal(err)
	}
	if status, body := s.Request(t, http.MethodPut, probe+"1", `{"id": 999999}`); status != http.StatusCreated {
		t.Fatalf("the node remembers deletions: %d %s", status, body)
	}
	s.Request(t, http.MethodDelete, probe+"2", "")
}
