//go:build unix

package live

import (
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// A live run and humpty follow read a standby that is always behind, beside a writer. At
// rest the index is what SQL says on the primary.
func TestLiveRunReadsAStandby(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindPostgres},
		Config:  map[devstack.Kind][]string{devstack.KindPostgres: {"recovery_min_apply_delay = '80ms'"}},
	})
	standby, err := stack.Standby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s := rig.New(t, stack.Addresses().Postgres, devstack.Elasticsearch(t))
	s.SQL(t, rig.Tables)
	s.Live(t, "follow", "")
	s.Edit(t, `dsn: "${SHOP_DSN}"`, `dsn: "${SHOP_DSN}", read_dsn: "${READ_DSN}"`)
	s.Env["READ_DSN"] = standby
	replica := rig.New(t, standby, s.ES)
	conn := replica.Connect(t)
	rig.WaitFor(t, 50*time.Millisecond, "the standby has the tables", func() (there bool) {
		if err := conn.QueryRow(t.Context(), "SELECT to_regclass('line') IS NOT NULL").Scan(&there); err != nil {
			t.Fatal(err)
		}
		return there
	})
	stop := s.Busy(t, 9, rig.ReferencedChange)
	a := s.Run(t, "rebuild", "--json")
	a.Want(t, 0)
	if len(a.Result(t).Record.Rounds) == 0 {
		t.Error("nothing was caught up with")
	}
	following := s.Start(t, "follow", "--quiet")
	if n := stop(); n < 20 {
		t.Errorf("only %d writes", n)
	}
	rig.WaitFor(t, 200*time.Millisecond, "humpty follow", func() bool { return len(s.Differing(t, true)) == 0 })
	following.Interrupt(t).Want(t, 0)
	var scans int
	if err := conn.QueryRow(t.Context(), "SELECT seq_scan + idx_scan FROM pg_stat_user_tables WHERE relname = 'orders'").Scan(&scans); err != nil || scans == 0 {
		t.Errorf("the standby was not read: %d scans, %v", scans, err)
	}
}
