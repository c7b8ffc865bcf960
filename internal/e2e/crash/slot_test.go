//go:build unix

package crash

import (
	"strings"
	"syscall"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// shortLog is a shop on a server that keeps little of its log for slots.
func shortLog(t *testing.T) (s *rig.Shop, loading <-chan struct{}, release func()) {
	t.Helper()
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindPostgres},
		Config: map[devstack.Kind][]string{devstack.KindPostgres: {
			"max_slot_wal_keep_size = 1MB", "min_wal_size = 32MB", "max_wal_size = 32MB",
		}},
	})
	return heldShop(t, stack.Addresses().Postgres, 6)
}

// loseLog writes while nobody reads the slot, until the server has dropped what the slot needs.
func loseLog(t *testing.T, s *rig.Shop) {
	t.Helper()
	conn := s.Connect(t)
	rig.WaitFor(t, 20*time.Millisecond, "the slot to lose its log", func() bool {
		for _, statement := range []string{"CREATE TABLE IF NOT EXISTS other (n int)", "INSERT INTO other VALUES (1)", "SELECT pg_switch_wal()", "CHECKPOINT"} {
			if _, err := conn.Exec(t.Context(), statement); err != nil {
				t.Fatal(err)
			}
		}
		var lost bool
		return conn.QueryRow(t.Context(), "SELECT bool_and(wal_status = 'lost') FROM pg_replication_slots").Scan(&lost) == nil && lost
	})
}

// TestSlotThatLosesItsLogInARun: a process that stood still for too long has a gap, and says so with
// what can be saved.
func TestSlotThatLosesItsLogInARun(t *testing.T) {
	t.Parallel()
	s, loading, release := shortLog(t)
	s.Live(t, "freeze", "    limits: {batch: 64KB, writers: 2}\n")
	cmd := s.Command(t, "rebuild", "--max-outage", "1m")
	said := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-loading:
	case <-t.Context().Done():
	}
	stand(t, cmd.Process.Pid, syscall.SIGSTOP)
	s.SQL(t, "UPDATE customer SET name = 'nobody was told'")
	loseLog(t, s)
	stand(t, cmd.Process.Pid, syscall.SIGCONT)
	release()
	a := rig.Answer{Code: rig.Code(t, cmd.Wait()), Err: said.String()}
	a.Want(t, 7, "has lost its log: while nothing read it, more was written than max_slot_wal_keep_size (1MB)", "ALTER SYSTEM SET max_slot_wal_keep_size", "so the run cannot go on", "humpty rebuild orders --new")
	if index, _ := s.Serving(t); index != "" {
		t.Errorf("the alias serves %s", index)
	}
	s.Run(t, "rebuild", "--new").Want(t, 0)
	s.EqualsOracle(t)
}

// TestSlotThatLosesItsLogUnderFollow: the same of humpty follow.
func TestSlotThatLosesItsLogUnderFollow(t *testing.T) {
	t.Parallel()
	s, _, release := shortLog(t)
	release()
	s.Live(t, "follow", "")
	s.Run(t, "rebuild").Want(t, 0)
	cmd := s.Command(t, "follow")
	said := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	s.SQL(t, "UPDATE orders SET note = 'followed' WHERE id = 7")
	rig.WaitFor(t, 100*time.Millisecond, "humpty follow", func() bool { return len(s.Differing(t, true)) == 0 })
	stand(t, cmd.Process.Pid, syscall.SIGSTOP)
	s.SQL(t, "UPDATE customer SET name = 'nobody was told'")
	loseLog(t, s)
	stand(t, cmd.Process.Pid, syscall.SIGCONT)
	a := rig.Answer{Code: rig.Code(t, cmd.Wait()), Err: said.String()}
	a.Want(t, 7, "has lost its log: while nothing read it", "ALTER SYSTEM SET max_slot_wal_keep_size")
	s.Run(t, "rebuild").Want(t, 0)
	s.EqualsOracle(t)
}

// stand stops a process, or lets it go on.
func stand(t *testing.T, pid int, signal syscall.Signal) {
	t.Helper()
	if err := syscall.Kill(pid, signal); err != nil {
		t.Fatal(err)
	}
}
