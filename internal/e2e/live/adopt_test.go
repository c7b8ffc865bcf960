//go:build unix

package live

import (
	"fmt"
	"net/http"
	"os"
	"regexp"
	"strings"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
)

// printed is the command that was printed, without the program's name.
func printed(t *testing.T, a rig.Answer, with string) []string {
	t.Helper()
	found := regexp.MustCompile(`humpty ([a-z]+ [^\n;]*` + regexp.QuoteMeta(with) + `[^\n;]*)`).FindStringSubmatch(a.Out + a.Err)
	if found == nil {
		t.Fatalf("no command with %s was printed:\n%s%s", with, a.Out, a.Err)
	}
	return strings.Fields(found[1])
}

// spoil makes documents of the alias others than the source has them, behind everybody's back.
func spoil(t *testing.T, s *rig.Shop) {
	t.Helper()
	var body strings.Builder
	for id := 1; id <= 3; id++ {
		fmt.Fprintf(&body, "{\"delete\":{\"_id\":\"%d\"}}\n{\"index\":{\"_id\":\"%d\"}}\n{\"id\":%[2]d,\"note\":\"spoilt\"}\n", id, id+10)
	}
	body.WriteString("{\"index\":{\"_id\":\"999999\"}}\n{\"id\":999999}\n")
	if code, answer := s.Request(t, http.MethodPost, "/"+s.Alias+"/_bulk?refresh=true", body.String()); code != http.StatusOK || strings.Contains(answer, `"errors":true`) {
		t.Fatalf("%d %s", code, answer)
	}
}

// settled waits until the index is what SQL says.
func settled(t *testing.T, s *rig.Shop) {
	t.Helper()
	rig.WaitFor(t, 500*time.Millisecond, "the index to be what SQL says", func() bool { return len(s.Differing(t, true)) == 0 })
}

// Whatever was lost, humpty follow prints the one command that makes right what the alias
// serves, and follows it from there. Nothing but its slot is left then.
func TestAdoptAfterEveryLoss(t *testing.T) {
	t.Parallel()
	for name, lose := range map[string]func(t *testing.T, s *rig.Shop){
		"the slot": func(t *testing.T, s *rig.Shop) {
			s.SQL(t, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
		},
		"the state folder": func(t *testing.T, s *rig.Shop) {
			if err := os.RemoveAll(s.Env["HUMPTY_STATE"]); err != nil {
				t.Fatal(err)
			}
		},
		"the form of a table": func(t *testing.T, s *rig.Shop) { s.SQL(t, "ALTER TABLE customer ADD COLUMN more text") },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, "follow")
			s.Run(t, "rebuild").Want(t, 0)
			served, _ := s.Serving(t)
			lose(t, s)
			s.SQL(t, "UPDATE customer SET name = 'nobody saw it' WHERE id < 3; DELETE FROM line WHERE order_id = 7; DELETE FROM orders WHERE id = 7")
			spoil(t, s)
			end := s.Run(t, "follow")
			if end.Code != 4 && end.Code != 7 {
				t.Errorf("exit code %d", end.Code)
			}
			stop := s.Busy(t, 3, change)
			following := start(t, s, printed(t, end, "--adopt")...)
			rig.WaitFor(t, time.Second, "humpty follow", func() bool {
				return strings.Contains(s.Run(t, "status", "orders").Out, "humpty follow keeps it up to date")
			})
			stop()
			settled(t, s)
			s.Run(t, "follow", "--adopt").Want(t, 4, "a process follows "+served+" now")
			following.interrupt(t).Want(t, 0, "as its sources have it now", "follow orders")
			if now, _ := s.Serving(t); now != served || left(t, s.Connect(t)) != 2 {
				t.Errorf("%s serves, and %d slots and publications are left", now, left(t, s.Connect(t)))
			}
			s.Run(t, "status").Want(t, 0, "full")
			s.SQL(t, "UPDATE customer SET name = 'later'")
			again := start(t, s, "follow")
			settled(t, s)
			again.interrupt(t).Want(t, 0)
		})
	}
}

// Where the application writes to the index, it goes on doing so: what it writes wins.
func TestAdoptHandsOver(t *testing.T) {
	t.Parallel()
	for _, writer := range []string{"handover", "freeze"} {
		t.Run(writer, func(t *testing.T) {
			t.Parallel()
			s := newShop(t, writer)
			s.Run(t, "rebuild").Want(t, 0)
			served, _ := s.Serving(t)
			spoil(t, s)
			s.SQL(t, "UPDATE customer SET name = 'never written to the index' WHERE id < 4")
			s.Run(t, "follow", "orders").Want(t, 4, "would undo its writes")
			s.Run(t, "follow", "--adopt", "orders").Want(t, 0, "alias "+s.Alias+" serves "+served+", as its sources have it now")
			if d := s.Differing(t, true); len(d) > 0 {
				t.Errorf("%d differ, first %s", len(d), d[0])
			}
			if n := left(t, s.Connect(t)); n != 0 {
				t.Errorf("%d slots and publications are left", n)
			}
		})
	}
}

// What a broken source would ask for is refused, and the command that is printed does it.
func TestAdoptIsGuarded(t *testing.T) {
	t.Parallel()
	s := newShop(t, "follow")
	s.Run(t, "rebuild").Want(t, 0)
	s.SQL(t, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots; DELETE FROM line; DELETE FROM orders WHERE id > 20")
	end := s.Run(t, "follow", "--adopt")
	end.Want(t, 4, "at most 3 may be deleted", "Nothing was written")
	if n := left(t, s.Connect(t)); n != 0 {
		t.Errorf("%d slots and publications are left", n)
	}
	following := start(t, s, printed(t, end, "--max-delete")...)
	settled(t, s)
	rig.WaitFor(t, time.Second, "humpty follow", func() bool {
		return strings.Contains(s.Run(t, "status", "orders").Out, "humpty follow keeps it up to date")
	})
	following.interrupt(t).Want(t, 0)
}
