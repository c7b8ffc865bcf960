//go:build unix

package late

import (
	"fmt"
	"net/http"
	"os/exec"
	"strings"
	"syscall"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// newShop is a shop on a PostgreSQL of its own, with its target behind a proxy.
func newShop(t *testing.T, writer string) (*rig.Shop, *proxy) {
	t.Helper()
	s := rig.New(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres, devstack.Elasticsearch(t))
	s.SQL(t, rig.UnconstrainedTables(300, 10))
	if writer != "" {
		s.Live(t, writer, "")
	}
	return s, behind(t, s)
}

// remove deletes an order as an application does: in the tables, and through the alias.
func remove(t *testing.T, s *rig.Shop, id int) {
	t.Helper()
	s.SQL(t, fmt.Sprintf("DELETE FROM line WHERE order_id = %d; DELETE FROM orders WHERE id = %[1]d", id))
	if status, body := s.Request(t, http.MethodDelete, fmt.Sprintf("/%s/_doc/%d", s.Alias, id), ""); status != http.StatusOK {
		t.Fatalf("delete order %d: %d %s", id, status, body)
	}
}

// forget has the index that serves forget which documents were deleted, as it does after
// index.gc_deletes: a probe that is deleted now can be written with an older version then.
func forget(t *testing.T, s *rig.Shop) {
	t.Helper()
	index, _ := s.Serving(t)
	s.Request(t, http.MethodPut, "/"+index+"/_settings", `{"index.gc_deletes": "1ms"}`)
	probe := "/" + index + "/_doc/999999?version_type=external_gte&version="
	s.Request(t, http.MethodPut, probe+"9000000000000000000", `{"id": 999999}`)
	s.Request(t, http.MethodDelete, probe+"9000000000000000001", "")
	rig.WaitFor(t, 20*time.Millisecond, "deletions are forgotten", func() bool {
		s.Request(t, http.MethodPost, "/"+index+"/_refresh", "")
		status, _ := s.Request(t, http.MethodPut, probe+"1", `{"id": 999999}`)
		return status == http.StatusCreated
	})
	s.Request(t, http.MethodDelete, probe+"2", "")
}

// gone fails the test if an order is in what the alias serves.
func gone(t *testing.T, s *rig.Shop, id int, answer string) {
	t.Helper()
	if status, body := s.Request(t, http.MethodGet, fmt.Sprintf("/%s/_doc/%d", s.Alias, id), ""); status != http.StatusNotFound {
		t.Errorf("order %d, which was deleted, is back: %d %s\nthe late attempt was answered: %s", id, status, body, answer)
	}
	if all := s.Differing(t, true); len(all) > 0 {
		t.Errorf("%d documents are wrong, first %s", len(all), all[0])
	}
}

// A bulk of the load, whose answer was 504 and which the program sent again, is passed on when
// the generation serves, and the application has deleted one of its documents.
func TestLateBulkOfALoad(t *testing.T) {
	t.Parallel()
	for _, writer := range []string{"", "freeze", "handover"} {
		t.Run("writer "+writer, func(t *testing.T) {
			t.Parallel()
			s, p := newShop(t, writer)
			p.holding(`"_id":"5"`)
			s.Run(t, "rebuild").Want(t, 0, "alias "+s.Alias+" serves ")
			remove(t, s, 5)
			forget(t, s)
			gone(t, s, 5, p.pass(t))
		})
	}
}

// A bulk of the pass behind a handover's swap is passed on when the run is over.
func TestLateBulkBehindAHandover(t *testing.T) {
	t.Parallel()
	s, p := newShop(t, "handover")
	heldBehindASwap(t, s, p)
	remove(t, s, 777)
	forget(t, s)
	gone(t, s, 777, p.pass(t))
}

// heldBehindASwap has a rebuild end with a handover. The bulk that wrote order 777 in the pass
// behind the swap is held, and was sent again.
func heldBehindASwap(t *testing.T, s *rig.Shop, p *proxy) {
	t.Helper()
	s.Run(t, "rebuild").Want(t, 0)
	at, release := s.HoldAt(t, "handover recorded")
	run := s.Command(t, "rebuild", "orders")
	until := rig.Lines(t, run)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	at()
	s.SQL(t, "INSERT INTO orders VALUES (777, 1, '2026-06-01', 7, 'before the swap')")
	p.holding(`"_id":"777"`)
	release()
	said := until("")
	if code := rig.Code(t, run.Wait()); code != 0 {
		t.Fatalf("exit code %d: %s", code, strings.Join(said, "\n"))
	}
	p.wait(t)
}

// Under follow the bulk that wrote an order is passed on when humpty has deleted the order, and
// the target has forgotten that. It may show for as long as the alias is not rotated.
func TestLateBulkOfFollow(t *testing.T) {
	t.Parallel()
	s, p := newShop(t, "follow")
	s.Run(t, "rebuild").Want(t, 0)
	following := follow(t, s)
	p.holding(`"_id":"5"`)
	s.SQL(t, "UPDATE orders SET note = 'changed' WHERE id = 5")
	p.wait(t)
	right := func() bool { return len(s.Differing(t, true)) == 0 }
	rig.WaitFor(t, 20*time.Millisecond, "humpty follow writes it again", right)
	s.SQL(t, "DELETE FROM line WHERE order_id = 5; DELETE FROM orders WHERE id = 5")
	rig.WaitFor(t, 20*time.Millisecond, "humpty follow deletes it", right)
	forget(t, s)
	answer := p.pass(t)
	t.Log(answer)
	rig.WaitFor(t, time.Second, "the late attempt is undone", right)
	p.kept = []byte(strings.ReplaceAll(string(p.kept), "changed", "changed again"))
	forget(t, s)
	gone(t, s, 5, p.pass(t))
	interrupt(t, following)
}

func follow(t *testing.T, s *rig.Shop) *exec.Cmd {
	t.Helper()
	cmd := s.Command(t, "follow", "orders")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return cmd
}

func interrupt(t *testing.T, cmd *exec.Cmd) {
	t.Helper()
	if err := cmd.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	if code := rig.Code(t, cmd.Wait()); code != 0 {
		t.Errorf("exit code %d", code)
	}
}

// The program is killed where a deletion waits for a new name, and where it was made again. The
// late attempt lands then, and the next process knows what has to be deleted once more.
func TestKilledWhileADeletionWaits(t *testing.T) {
	t.Parallel()
	for _, point := range []string{"deletion postponed", "deletion made again"} {
		t.Run(point, func(t *testing.T) {
			t.Parallel()
			s, p := newShop(t, "follow")
			s.Run(t, "rebuild").Want(t, 0)
			s.Env["HUMPTY_CRASH_AT"] = point
			killed := follow(t, s)
			delete(s.Env, "HUMPTY_CRASH_AT")
			p.holding(`"_id":"5"`)
			s.SQL(t, "UPDATE orders SET note = 'changed' WHERE id = 5")
			p.wait(t)
			right := func() bool { return len(s.Differing(t, true)) == 0 }
			rig.WaitFor(t, 20*time.Millisecond, "humpty follow writes it again", right)
			s.SQL(t, "DELETE FROM line WHERE order_id = 5; DELETE FROM orders WHERE id = 5")
			if code := rig.Code(t, killed.Wait()); code != -1 {
				t.Fatalf("the program did not come by %s: exit code %d", point, code)
			}
			forget(t, s)
			t.Log(p.pass(t))
			again := follow(t, s)
			rig.WaitFor(t, 200*time.Millisecond, "the late attempt is undone", right)
			gone(t, s, 5, p.pass(t))
			interrupt(t, again)
		})
	}
}

// A repair sleeps for longer than its lease lasts, when it is about to write. Another one does its
// work, and the application deletes what it wrote. When the first wakes up, it must stop.
func TestOwnerThatSleptMustStop(t *testing.T) {
	t.Parallel()
	s, _ := newShop(t, "")
	s.Run(t, "rebuild").Want(t, 0)
	s.Request(t, http.MethodDelete, "/"+s.Alias+"/_doc/5?refresh=true", "")
	at, release := s.HoldAt(t, "writes ended")
	asleep := s.Command(t, "repair", "orders")
	said := rig.Lines(t, asleep)
	if err := asleep.Start(); err != nil {
		t.Fatal(err)
	}
	at()
	if err := asleep.Process.Signal(syscall.SIGSTOP); err != nil {
		t.Fatal(err)
	}
	s.Expire(t)
	s.Run(t, "repair").Want(t, 0)
	remove(t, s, 5)
	forget(t, s)
	release()
	if err := asleep.Process.Signal(syscall.SIGCONT); err != nil {
		t.Fatal(err)
	}
	text := strings.Join(said(""), "\n")
	if code := rig.Code(t, asleep.Wait()); code == 0 {
		t.Error("it did not notice that another process took over")
	}
	gone(t, s, 5, text)
	index, _ := s.Serving(t)
	if _, body := s.Request(t, http.MethodGet, "/"+index+"/_alias?expand_wildcards=all", ""); strings.Contains(body, index+"-w") {
		t.Errorf("a writer is left: %s", body)
	}
}
