//go:build unix

// Package adoption kills humpty follow --adopt between any two durable effects, and starts it again.
package adoption

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

const orders, customers = 400, 20

// adopting are the points that only an adoption comes by.
var adopting = []string{"adoption noted", "differences found", "differences marked", "adoption proven"}

// humpty follow --adopt kills itself at each point, after the slot was lost and while the tables
// change. The same command resumes it; at the end the index is what SQL says, and its own slot
// is all that is left on the source.
func TestAdoptionKilledAtEveryPoint(t *testing.T) {
	t.Parallel()
	pg := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres
	es := devstack.Elasticsearch(t)
	for _, point := range append([]string{"run recorded", "slot made", "capture positioned", "catch-up noted", "end recorded", "state closed"}, adopting...) {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s := rig.New(t, rig.Create(t, pg, ""), es)
			s.SQL(t, rig.UnconstrainedTables(orders, customers))
			s.Live(t, "follow", "")
			s.Run(t, "rebuild").Want(t, 0)
			s.SQL(t, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()")
			s.SQL(t, "UPDATE customer SET name = 'nobody saw it' WHERE id < 3")
			stop := s.Busy(t, 1, func(rng *rand.Rand, n int) string { return rig.Change(rng, n, orders, customers) })
			s.Env["HUMPTY_CRASH_AT"] = point
			adopt := []string{"follow", "--adopt", "--max-delete", "1000", "--max-stale", "1000"}
			if a := s.Run(t, adopt...); a.Code != -1 {
				t.Errorf("the program did not come by %s: exit code %d\n%s%s", point, a.Code, a.Out, a.Err)
			}
			delete(s.Env, "HUMPTY_CRASH_AT")
			s.Expire(t)
			following := s.Command(t, adopt...)
			said := new(strings.Builder)
			following.Stderr = said
			if err := following.Start(); err != nil {
				t.Fatal(err)
			}
			stop()
			rig.WaitFor(t, 500*time.Millisecond, "the index to be what SQL says", func() bool { return len(s.Differing(t, true)) == 0 })
			rig.WaitFor(t, time.Second, "humpty follow", func() bool {
				return strings.Contains(s.Run(t, "status").Out, "humpty follow keeps it up to date")
			})
			if err := following.Process.Signal(syscall.SIGINT); err != nil {
				t.Fatal(err)
			}
			if err := following.Wait(); err != nil {
				t.Errorf("%v: %s", err, said)
			}
			s.LeavesNothing(t, "follow")
		})
	}
}
