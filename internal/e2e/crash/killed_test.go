//go:build unix

// Package crash kills the built program and goes on with what is left.
package crash

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

const crashOrders, crashCustomers = 20_000, 200

// newShop is a shop whose load takes some seconds, on servers of its own where they matter:
// a slot waits for every database's writers.
func newShop(t *testing.T, dsn, es, writer string) *rig.Shop {
	t.Helper()
	s := rig.New(t, dsn, es)
	s.Live(t, writer, "    limits: {max_bulk_mb_s: 4, batch: 64KB, writers: 4}\n")
	return s
}

// crashes is how many runs are killed: more by HUMPTY_CRASHES.
func crashes() int {
	if n, err := strconv.Atoi(os.Getenv("HUMPTY_CRASHES")); err == nil {
		return n
	}
	return 2
}

// The real binary is killed with SIGKILL at random moments, up to three times a run, while
// rows change; each time humpty resume goes on. At the end the index is what SQL says.
func TestKilledAndResumed(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	es := devstack.Elasticsearch(t)
	for seed := range uint64(crashes()) {
		writer := []string{"follow", "freeze"}[seed%2]
		t.Run(fmt.Sprint("seed ", seed, " ", writer), func(t *testing.T) {
			rng := rand.New(rand.NewPCG(seed, 7))
			s := newShop(t, stack.Addresses().Postgres, es, writer)
			s.SQL(t, "DROP TABLE IF EXISTS line, orders, customer; "+rig.UnconstrainedTables(crashOrders, crashCustomers))
			stop := s.Busy(t, seed, func(rng *rand.Rand, n int) string { return rig.Change(rng, n, crashOrders, crashCustomers) })
			killed, resumed := killLoop(t, s, rng)
			writes := stop()
			rig.End(t, s.ResumeCommand(t)).Want(t, 0, "alias "+s.Alias+" serves ")
			s.EqualsOracle(t)
			t.Logf("killed %d times, resumed %d times, beside %d transactions", killed, resumed, writes)
			s.SQL(t, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
		})
	}
}

// killLoop lets up to three processes live for a random while each.
func killLoop(t *testing.T, s *rig.Shop, rng *rand.Rand) (killed, resumed int) {
	t.Helper()
	for range 3 {
		cmd := s.ResumeCommand(t)
		if cmd.Args[1] == "resume" {
			resumed++
		}
		a := rig.EndOrKill(t, cmd, time.Duration(300+rng.IntN(3000))*time.Millisecond)
		switch {
		case a.Code == 0:
			return killed, resumed // it was quicker
		case a.Code != rig.Killed:
			t.Fatalf("%s: exit code %d\n%s%s", strings.Join(cmd.Args[1:], " "), a.Code, a.Out, a.Err)
		}
		killed++
	}
	return killed, resumed
}

func wasKilled(err error) bool {
	var exit *exec.ExitError
	if !errors.As(err, &exit) {
		return false
	}
	status, ok := exit.Sys().(syscall.WaitStatus)
	return ok && status.Signal() == syscall.SIGKILL
}
