//go:build unix

package toxic

import (
	"testing"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

const orders, customers = 1000, 50

func newShop(t *testing.T) (s *rig.Shop, source, target network) {
	t.Helper()
	pg := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres
	s = rig.New(t, pg, devstack.Elasticsearch(t))
	s.Live(t, "follow", "    limits: {batch: 32KB, writers: 2}\n")
	s.SQL(t, rig.UnconstrainedTables(orders, customers))
	s.Env["SHOP_DSN"], source = between(t, s.DSN)
	s.Env["ES"], target = between(t, s.ES)
	return s, source, target
}

// Answers are late, what is sent is slow, connections take their time to end, on both sides.
func TestBadNetwork(t *testing.T) {
	t.Parallel()
	s, source, target := newShop(t)
	source.add(late, narrow, slowEnd)
	target.add(late, narrow, slowEnd)
	s.Run(t, "rebuild").Want(t, 0, "alias "+s.Alias+" serves ")
	s.EqualsOracle(t)
}

// Every connection is cut in the middle of the load, and no new one comes for a while; the
// run waits, and goes on in the same process.
func TestCutNetwork(t *testing.T) {
	t.Parallel()
	s, source, target := newShop(t)
	narrowed := `{"name": "slow", "type": "bandwidth", "stream": "upstream", "attributes": {"rate": 60}}`
	target.add(narrowed) // the load takes some seconds
	run := s.Command(t, "rebuild", "orders", "--progress-interval", "50ms")
	until := rig.Lines(t, run)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	until("load      started")
	source.down()
	target.down()
	said := until("load      waiting: ")
	source.up()
	target.up()
	target.heal()
	said = append(said, until("")...)
	if code := rig.Code(t, run.Wait()); code != 0 {
		t.Fatalf("exit code %d: %q", code, said)
	}
	s.EqualsOracle(t)
}
