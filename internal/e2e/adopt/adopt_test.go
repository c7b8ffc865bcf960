//go:build unix

// Package adopt loses what an adoption makes right, and has it do so.
package adopt

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
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
	var differ []string
	tries := 0
	rig.WaitFor(t, time.Second, "the index to be what SQL says", func() bool {
		tries++
		differ = s.Differing(t, true)
		return len(differ) == 0 || tries == 60
	})
	if len(differ) > 0 {
		t.Errorf("%d differ, first %s", len(differ), differ[0])
	}
}

// follows waits until a process follows what the alias serves.
func follows(t *testing.T, s *rig.Shop, p rig.Running) {
	t.Helper()
	tries, often := 0, 0 // once may be a moment in which it looks at what an earlier run left
	rig.WaitFor(t, time.Second, "humpty follow", func() bool {
		if tries++; strings.Contains(s.Run(t, "status").Out, "humpty follow keeps it up to date") {
			often++
		} else {
			often = 0
		}
		return often == 2 || tries == 60
	})
	if often < 2 {
		a := p.Interrupt(t)
		t.Fatalf("exit code %d, and it does not follow: %s%s", a.Code, a.Out, a.Err)
	}
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
			s := rig.NewLiveShop(t, "follow")
			s.Run(t, "rebuild").Want(t, 0)
			served, _ := s.Serving(t)
			lose(t, s)
			s.SQL(t, "UPDATE customer SET name = 'nobody saw it' WHERE id < 3; DELETE FROM line WHERE order_id = 7; DELETE FROM orders WHERE id = 7")
			spoil(t, s)
			end := s.Run(t, "follow")
			if end.Code != 4 && end.Code != 7 {
				t.Errorf("exit code %d", end.Code)
			}
			stop := s.Busy(t, 3, rig.ReferencedChange)
			following := s.Start(t, append(printed(t, end, "--adopt"), "--max-delete", "1000", "--max-stale", "1000")...) // a busy shop changes more than a broken one may
			follows(t, s, following)
			stop()
			settled(t, s)
			s.Run(t, "follow", "--adopt").Want(t, 4, "a process follows "+served+" now")
			following.Interrupt(t).Want(t, 0, "as its sources have it now", "follow orders")
			if now, _ := s.Serving(t); now != served || rig.Captures(t, s.Connect(t)) != 2 {
				t.Errorf("%s serves, and %d slots and publications are left", now, rig.Captures(t, s.Connect(t)))
			}
			s.Run(t, "status").Want(t, 0, "full")
			s.SQL(t, "UPDATE customer SET name = 'later'")
			again := s.Start(t, "follow")
			settled(t, s)
			again.Interrupt(t).Want(t, 0)
		})
	}
}

// Where the application writes to the index, it keeps writing, and what it writes wins.
func TestAdoptHandsOver(t *testing.T) {
	t.Parallel()
	for _, writer := range []string{"handover", "freeze"} {
		t.Run(writer, func(t *testing.T) {
			t.Parallel()
			s := rig.NewLiveShop(t, writer)
			s.Run(t, "rebuild").Want(t, 0)
			served, _ := s.Serving(t)
			spoil(t, s)
			s.SQL(t, "UPDATE customer SET name = 'never written to the index' WHERE id < 4")
			s.Run(t, "follow", "orders").Want(t, 4, "would undo its writes")
			s.Run(t, "follow", "--adopt", "orders").Want(t, 0, "alias "+s.Alias+" serves "+served+", as its sources have it now")
			if d := s.Differing(t, true); len(d) > 0 {
				t.Errorf("%d differ, first %s", len(d), d[0])
			}
			if n := rig.Captures(t, s.Connect(t)); n != 0 {
				t.Errorf("%d slots and publications are left", n)
			}
		})
	}
}

// What a broken source would ask for is refused, and the command that is printed does it.
func TestAdoptIsGuarded(t *testing.T) {
	t.Parallel()
	s := rig.NewLiveShop(t, "follow")
	s.Run(t, "rebuild").Want(t, 0)
	s.SQL(t, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots; DELETE FROM line; DELETE FROM orders WHERE id > 20")
	end := s.Run(t, "follow", "--adopt")
	end.Want(t, 4, "at most 10 may be deleted", "Nothing was written")
	if n := rig.Captures(t, s.Connect(t)); n != 0 {
		t.Errorf("%d slots and publications are left", n)
	}
	following := s.Start(t, printed(t, end, "--max-delete")...)
	settled(t, s)
	follows(t, s, following)
	following.Interrupt(t).Want(t, 0)
}

// slots are the names of the slots and of the publications.
func slots(t *testing.T, s *rig.Shop) (names []string) {
	t.Helper()
	rows, err := s.Connect(t).Query(t.Context(), "SELECT slot_name::text FROM pg_replication_slots UNION ALL SELECT 'publication ' || pubname FROM pg_publication")
	if err == nil {
		names, err = pgx.CollectRows(rows, pgx.RowTo[string])
	}
	if err != nil {
		t.Fatal(err)
	}
	return names
}

// Ten rebuilds that nobody follows between, and five with another definition each, leave the
// slot and the publication of what serves, and no other; of the runs no other is known.
func TestSlotsDoNotPileUp(t *testing.T) {
	t.Parallel()
	s := rig.NewLiveShop(t, "follow")
	was, definitions := "order_by: [no]", []string{"[no, sku]", "[no, quantity]", "[no, sku, quantity]", "[no, quantity, sku]", "[sku, no]"}
	for i := range 10 + len(definitions) {
		if i >= 10 {
			now := "order_by: " + definitions[i-10]
			s.Edit(t, was, now)
			was = now
		}
		s.Run(t, "rebuild").Want(t, 0)
		if all := slots(t, s); len(all) != 2 {
			t.Fatalf("after %d rebuilds: %s", i+1, strings.Join(all, ", "))
		}
	}
	runs, err := os.ReadDir(filepath.Join(s.Env["HUMPTY_STATE"], "orders"))
	if err != nil || len(runs) != 1 {
		t.Errorf("%v: %d runs are known", err, len(runs))
	}
}

// A slot that a run left which died elsewhere is named by every verb that reaches the source,
// with the command that drops it.
func TestLeftSlotsAreNamed(t *testing.T) {
	t.Parallel()
	s := rig.NewLiveShop(t, "follow")
	s.Run(t, "rebuild").Want(t, 0)
	s.SQL(t, "SELECT pg_create_logical_replication_slot('humpty_elsewhere', 'pgoutput'); CREATE PUBLICATION humpty_alone")
	const slot, publication = "humpty prune orders --slot humpty_elsewhere", "humpty prune orders --slot humpty_alone"
	for _, verb := range []string{"check", "status", "plan", "verify", "rebuild"} {
		s.Run(t, verb).Want(t, 0, slot, publication)
	}
	s.Run(t, "prune", "--yes").Want(t, 0, slot, publication)
	following := s.Start(t, "follow")
	follows(t, s, following)
	following.Interrupt(t).Want(t, 0, slot, publication)
	s.Run(t, "prune", "orders", "--slot", "humpty_elsewhere", "--yes").Want(t, 0, "dropped humpty_elsewhere", publication)
	s.Run(t, "prune", "orders", "--slot", "humpty_alone", "--yes").Want(t, 0, "dropped humpty_alone")
	if all := slots(t, s); len(all) != 2 {
		t.Errorf("left: %s", strings.Join(all, ", "))
	}
}

// What rollback, a late swap and their kin let serve is as its sources have it, whether humpty
// follow runs meanwhile or not.
func TestRollbackAndLateSwapAreNotStale(t *testing.T) {
	t.Parallel()
	s := rig.NewLiveShop(t, "follow")
	s.Run(t, "rebuild").Want(t, 0)
	first, _ := s.Serving(t)
	s.Run(t, "rebuild", "--no-swap").Want(t, 0)
	s.SQL(t, "UPDATE customer SET name = 'since then' WHERE id < 4")
	following := s.Start(t, "follow")
	s.Run(t, "swap").Want(t, 0)
	second, _ := s.Serving(t)
	if d := s.Differing(t, true); len(d) > 0 || second == first {
		t.Errorf("%s serves, and %d differ", second, len(d))
	}
	s.SQL(t, "UPDATE customer SET name = 'and later' WHERE id < 3")
	settled(t, s)
	s.Run(t, "rollback").Want(t, 0, "alias "+s.Alias+" serves "+first, "as its sources have it now")
	settled(t, s)
	s.SQL(t, "UPDATE customer SET name = 'at last' WHERE id < 5")
	settled(t, s)
	if now, _ := s.Serving(t); now != first {
		t.Errorf("%s serves, not %s", now, first)
	}
	following.Interrupt(t).Want(t, 0)
	if all := slots(t, s); len(all) != 2 {
		t.Errorf("left: %s", strings.Join(all, ", "))
	}
	s.Run(t, "rollback", "--now").Want(t, 0, "alias "+s.Alias+" serves "+second, "humpty follow orders --adopt")
	end := s.Run(t, "follow") // 4 if what was known of the retired run is gone with its slot, 7 if only the slot is
	if end.Code != 4 && end.Code != 7 {
		t.Errorf("exit code %d", end.Code)
	}
	end.Want(t, end.Code, "humpty follow orders --adopt")
	again := s.Start(t, "follow", "orders", "--adopt")
	settled(t, s)
	follows(t, s, again)
	again.Interrupt(t).Want(t, 0)
}

// The index is lost while the application keeps writing to the tables. What the snapshot brings back
// is made right for them before the alias serves it, and humpty follow continues from there.
func TestRestoreBesideAWritingApplication(t *testing.T) {
	t.Parallel()
	s := rig.NewLiveShop(t, "follow")
	repository := devstack.Name(t)
	s.Request(t, http.MethodPut, "/_snapshot/"+repository, `{"type":"fs","settings":{"location":"`+repository+`"}}`)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		s.RequestWith(ctx, t, http.MethodDelete, "/_snapshot/"+repository+"/one", "")
		s.RequestWith(ctx, t, http.MethodDelete, "/_snapshot/"+repository, "")
	})
	s.Run(t, "rebuild").Want(t, 0)
	served, _ := s.Serving(t)
	s.Run(t, "snapshot", "orders", "--repository", repository, "--name", "one").Want(t, 0)
	s.SQL(t, "UPDATE customer SET name = 'since the snapshot' WHERE id < 3; DELETE FROM line WHERE order_id < 5; DELETE FROM orders WHERE id < 5")
	if code, answer := s.Request(t, http.MethodDelete, "/"+served, ""); code != http.StatusOK {
		t.Fatalf("%d %s", code, answer)
	}
	stop := s.Busy(t, 3, rig.ReferencedChange)
	s.Run(t, "restore", "orders", "--snapshot", repository+"/one", "--max-delete", "1000", "--max-stale", "1000").Want(t, 0, "alias "+s.Alias+" serves ")
	following := s.Start(t, "follow", "orders")
	follows(t, s, following)
	stop()
	settled(t, s)
	following.Interrupt(t).Want(t, 0)
	if n := rig.Captures(t, s.Connect(t)); n != 2 {
		t.Errorf("%d slots and publications are left", n)
	}
	s.Run(t, "verify").Want(t, 0)
}
