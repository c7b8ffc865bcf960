//go:build unix

package crash

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
	"humpty/projector/report"
)

// heldShop is a shop with rows, whose target takes so many bulk requests and then none, until
// release is called.
func heldShop(t *testing.T, dsn string, through int64) (s *rig.Shop, loading <-chan struct{}, release func()) {
	t.Helper()
	s = rig.New(t, dsn, devstack.Elasticsearch(t))
	s.SQL(t, "DROP TABLE IF EXISTS line, orders, customer; "+rig.UnconstrainedTables(3000, 200))
	loading, release = s.Hold(t, through)
	return s, loading, release
}

// killedIn starts a run and kills it in its load, after during.
func killedIn(t *testing.T, s *rig.Shop, loading <-chan struct{}, during func(), args ...string) {
	t.Helper()
	cmd := s.Command(t, args...)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-loading:
	case <-t.Context().Done():
	}
	if during != nil {
		during()
	}
	_ = cmd.Process.Kill()
	if err := cmd.Wait(); !wasKilled(err) {
		t.Fatal(err)
	}
}

// A run that read one snapshot cannot be gone on with: resume says so, takes a new snapshot,
// and names the half generation, which prune drops.
func TestSnapshotIsTakenAnew(t *testing.T) {
	t.Parallel()
	s, loading, release := heldShop(t, devstack.Postgres(t), 0)
	s.Edit(t, "alias: ${ALIAS}\n", "alias: ${ALIAS}\n    limits: {batch: 64KB}\n")
	killedIn(t, s, loading, func() {
		rig.WaitFor(t, 200*time.Millisecond, "the phase in status", func() bool {
			a := s.Run(t, "status")
			return strings.Contains(a.Out, "    load: running for ") && strings.Contains(a.Out, "ETA not known until the alias serves (no measure of load, seal, verify) (as of ")
		})
	}, "rebuild")
	release()
	s.Run(t, "resume").Want(t, 4, "no stopped run is known") // it may live: its lease is held
	s.Expire(t)
	status := s.Run(t, "status")
	status.Want(t, 0, "was left half done by run ", "takes a new snapshot and fills a new generation", "humpty prune orders drops it")
	half := strings.Fields(status.Out[strings.Index(status.Out, "generation "+s.Alias):])[1]
	a := s.Run(t, "resume")
	a.Want(t, 0, "generation "+half+" was left half done", "takes a new snapshot", "alias "+s.Alias+" serves ")
	if serving, documents := s.Serving(t); serving == half || documents != 3000 {
		t.Errorf("%s serves %d documents", serving, documents)
	}
	s.Run(t, "prune", "--yes").Want(t, 0, "dropped "+half)
	s.Run(t, "resume").Want(t, 4, "no stopped run is known")
	s.Run(t, "plan").Want(t, 0)
}

// rebuild finds a live run that was killed, and what it does then is said by a flag where
// nobody can be asked. The record of the process that goes on has the numbers of both.
func TestRebuildGoesOnWithWhatItFinds(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	s, loading, release := heldShop(t, stack.Addresses().Postgres, 6)
	s.Live(t, "freeze", "    limits: {batch: 64KB, writers: 2}\n")
	killedIn(t, s, loading, nil, "rebuild")
	release()
	s.Run(t, "rebuild").Want(t, 4, "which began ", "was stopped, has done ", "humpty resume 2", "humpty rebuild orders --resume", "give it up and start over: humpty rebuild orders --new")
	s.Run(t, "rebuild", "--resume", "--new").Want(t, 64, "none of the others can be")
	a := s.Run(t, "rebuild", "--resume", "--json")
	a.Want(t, 0, " goes on: ", `"eta":{"seconds":`)
	s.EqualsOracle(t)
	r := a.Result(t).Record
	if len(r.Attempts) != 2 || r.Attempts[0].Status != report.Killed || r.Attempts[1].Status != report.Completed || !r.Resumed {
		t.Fatalf("attempts %+v", r.Attempts)
	}
	if r.Ledger.Written != 3000 || !r.Ledger.Balances() || r.Redone <= 0 || r.Redone >= 3000 || r.Attempts[0].Seconds <= 0 {
		t.Errorf("written %d, redone %d in %+v", r.Ledger.Written, r.Redone, r.Attempts)
	}
	s.Run(t, "rebuild", "--resume", "--json").Want(t, 0, `"eta":{"seconds":`) // nothing was stopped: it begins, and knows its pace
}

// What is left of a rebuild of all is done by resume --all: the run that was killed is gone on
// with, and those whose turn had not come begin; in their order, once.
func TestResumeAll(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	s, loading, release := heldShop(t, stack.Addresses().Postgres, 6)
	s.Live(t, "freeze", "    limits: {batch: 64KB, writers: 2}\n")
	s.Edit(t, "projections:\n", `projections:
  customers:
    target: search
    alias: ${ALIAS}-customers
    index: {settings: {number_of_shards: 1, number_of_replicas: 0}, mappings: {properties: {name: {type: keyword}}}}
    document: {from: shop.customer}
  first:
    target: search
    alias: ${ALIAS}-first
    priority: 9
    index: {settings: {number_of_shards: 1, number_of_replicas: 0}, mappings: {properties: {name: {type: keyword}}}}
    document: {from: shop.customer}
`)
	s.Edit(t, "  orders:\n", "  orders:\n    priority: 5\n")
	killedIn(t, s, loading, nil, "rebuild", "--all")
	release()
	served := func(alias string) int {
		_, body := s.Request(t, "GET", "/"+s.Alias+alias+"/_count?ignore_unavailable=true", "")
		var count int
		_, _ = fmt.Sscanf(body, `{"count":%d`, &count)
		return count
	}
	if served("-first") != 200 || served("-customers") != 0 {
		t.Fatalf("%d and %d documents are served by the first and the last alias", served("-first"), served("-customers"))
	}
	s.Run(t, "resume", "--all", "x").Want(t, 64, "--all takes every run")
	a := s.Run(t, "resume", "--all")
	a.Want(t, 0, "run ", " goes on: ", "customers  begins", "2 of 2 over")
	if strings.Contains(a.Err, "\nfirst ") {
		t.Errorf("what was done is done again:\n%s", a.Err)
	}
	s.EqualsOracle(t)
	if served("-customers") != 200 {
		t.Errorf("%d customers", served("-customers"))
	}
	s.Run(t, "resume", "--all").Want(t, 4, "no stopped run is known")
	if _, err := os.Stat(filepath.Join(s.Env["HUMPTY_STATE"], "all.json")); !os.IsNotExist(err) {
		t.Errorf("all.json: %v", err)
	}
}

// A run whose slot was lost says what can be saved, and the way that it names works: the
// half generation is repaired and swapped to, instead of starting over.
func TestLostSlotLeavesWhatCanBeSaved(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	s, loading, release := heldShop(t, stack.Addresses().Postgres, 6)
	s.Live(t, "freeze", "    limits: {batch: 64KB, writers: 2}\n")
	killedIn(t, s, loading, nil, "rebuild")
	release()
	s.SQL(t, "SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active")
	rig.WaitFor(t, 50*time.Millisecond, "the slot to be free", func() bool {
		s.SQL(t, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE NOT active")
		var n int
		return s.Connect(t).QueryRow(t.Context(), "SELECT count(*) FROM pg_replication_slots").Scan(&n) == nil && n == 0
	})
	s.SQL(t, "UPDATE customer SET name = 'nobody was told'")
	lost := s.Run(t, "resume")
	lost.Want(t, 7, "so the run cannot go on", "humpty rebuild orders --new")
	index := lost.Err[strings.Index(lost.Err, "generation "+s.Alias)+len("generation "):]
	index, _, _ = strings.Cut(index, " ")
	if !strings.Contains(lost.Err, "humpty swap orders --to "+index) {
		t.Fatalf("it does not say how to save %s: %s", index, lost.Err)
	}
	s.Run(t, "swap", "orders", "--to", index).Want(t, 0, index)
	s.EqualsOracle(t)
	s.Run(t, "resume").Want(t, 4, "no stopped run is known")
}

// An alias that somebody changes with another tool while a run is at work is not taken away
// from what they chose.
func TestAliasThatSomebodyElseChanged(t *testing.T) {
	t.Parallel()
	s, loading, release := heldShop(t, devstack.Postgres(t), 0)
	cmd := s.Command(t, "rebuild")
	said := new(strings.Builder)
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-loading:
	case <-t.Context().Done():
	}
	theirs := s.Alias + "-theirs"
	for _, r := range [][3]string{
		{"PUT", "/" + theirs, `{"settings": {"number_of_replicas": 0, "number_of_shards": 1}}`},
		{"POST", "/_aliases", fmt.Sprintf(`{"actions": [{"add": {"index": %q, "alias": %q}}]}`, theirs, s.Alias)},
	} {
		if code, body := s.Request(t, r[0], r[1], r[2]); code != 200 {
			t.Fatalf("%d %s", code, body)
		}
	}
	release()
	a := rig.Answer{Code: rig.Code(t, cmd.Wait()), Err: said.String()}
	a.Want(t, 4, "somebody else changed alias "+s.Alias+" in the meantime: it serves "+theirs+", and served nothing", "humpty swap orders --to ")
	if index, _ := s.Serving(t); index != theirs {
		t.Errorf("the alias serves %s", index)
	}
	s.Run(t, "swap").Want(t, 0)
	if index, documents := s.Serving(t); index == theirs || documents != 3000 {
		t.Errorf("the alias serves %s with %d documents", index, documents)
	}
}
