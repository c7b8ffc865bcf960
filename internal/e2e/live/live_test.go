//go:build unix

// Package live runs the built program beside an application that writes.
package live

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"humpty/internal/e2e/rig"
)

// TestFollow writes to the tables before, during and after a live rebuild; humpty follow
// is stopped, started again, and lives through the next rebuild. At rest the index is what
// SQL says.
func TestFollow(t *testing.T) {
	t.Parallel()
	s := rig.NewLiveShop(t, "follow")
	conn := s.Connect(t)
	stop := s.Busy(t, 7, rig.ReferencedChange)
	a := s.Run(t, "rebuild", "--json", "--progress-interval", "1ms")
	a.Want(t, 0, `"type":"lag"`)
	if r := a.Result(t).Record; len(r.Rounds) == 0 {
		t.Errorf("no rounds in %+v", r)
	}
	first, _ := s.Serving(t)
	if rig.Captures(t, conn) != 2 {
		t.Error("the capture was not kept for humpty follow")
	}
	s.Run(t, "status").Want(t, 0, "slot and publication humpty_", "humpty follow goes on with it")
	s.Run(t, "check").Want(t, 0, "keep humpty follow running")
	following := s.Start(t, "follow", "--progress-interval", "1ms")
	s.Run(t, "rebuild").Want(t, 0, "before: "+first+", kept")
	if n := stop(); n < 100 {
		t.Errorf("only %d writes", n)
	}
	rig.WaitFor(t, 200*time.Millisecond, "humpty follow", func() bool { return len(s.Differing(t, true)) == 0 })
	following.Interrupt(t).Want(t, 0, "follow orders", "changes: ", "the alias serves ", "stopped: orders")
	if rig.Captures(t, conn) != 2 {
		t.Error("the first generation's capture was not dropped, or the second's was")
	}
	s.SQL(t, "UPDATE customer SET name = 'while nobody follows'")
	again := s.Start(t, "follow", "orders", "--json")
	rig.WaitFor(t, 200*time.Millisecond, "humpty follow", func() bool { return len(s.Differing(t, true)) == 0 })
	again.Interrupt(t).Want(t, 0, `"projection":"orders"`)
}

// An interrupted run can be gone on with; or it is given up, and nothing is left.
func TestInterruptedLiveRun(t *testing.T) {
	t.Parallel()
	s := rig.NewLiveShop(t, "handover")
	s.Run(t, "resume").Want(t, 4, "no stopped run is known in the state folder")
	s.Run(t, "resume", "nobody").Want(t, 4, "run nobody is not known")
	s.Run(t, "follow").Want(t, 4, "no projection has writer: follow")
	s.Run(t, "follow", "orders").Want(t, 4, "writer: handover", "would undo its writes")
	conn := s.Connect(t)
	stopped := func() string {
		p := s.Start(t, "rebuild", "--json", "--progress-interval", "1ms")
		rig.WaitFor(t, 5*time.Millisecond, "a capture", func() bool { return rig.Captures(t, conn) == 2 })
		a := p.Interrupt(t)
		a.Want(t, 130, "humpty resume ")
		return a.Result(t).Record.Run
	}
	run := stopped()
	s.Run(t, "rebuild").Want(t, 4, "run "+run, "humpty resume "+run, "humpty rebuild orders --new")
	s.Run(t, "check").Want(t, 0, "run "+run+" was stopped", "humpty prune orders --stopped gives it up")
	s.SQL(t, "UPDATE customer SET name = 'in between'")
	s.Run(t, "resume").Want(t, 0, "run "+run+" goes on", "orders: alias "+s.Alias+" serves ")
	if d := s.Differing(t, false); len(d) > 0 {
		t.Errorf("%d differ: %s", len(d), d[0])
	}
	if rig.Captures(t, conn) != 0 {
		t.Error("something is left on the source")
	}
	stopped()
	s.Run(t, "rebuild", "--new").Want(t, 0, "is given up")
	run = stopped()
	s.Run(t, "prune", "--yes").Want(t, 0, "humpty resume "+run+" goes on with it")
	s.Run(t, "prune", "--stopped", "--dry-run").Want(t, 0, "would drop", "run "+run+" was stopped")
	s.Run(t, "prune", "--stopped", "--yes").Want(t, 0, "dropped humpty_")
	s.Run(t, "resume", run).Want(t, 4, "is not known")
	if rig.Captures(t, conn) != 0 {
		t.Error("something is left on the source")
	}
}

// What dead runs left is found: by any projection's name for its own, and by the slot's
// for what nobody knows.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	s := rig.NewLiveShop(t, "handover")
	conn := s.Connect(t)
	s.Run(t, "rebuild").Want(t, 0)
	_, body := s.Request(t, http.MethodGet, "/"+s.Alias+"/_mapping", "")
	run := strings.SplitN(strings.SplitN(body, `"run":"`, 2)[1], `"`, 2)[0]
	name := "humpty_" + strings.ReplaceAll(run, "-", "_")
	s.SQL(t, "CREATE PUBLICATION "+name+" FOR TABLE orders")
	s.SQL(t, "SELECT pg_create_logical_replication_slot('"+name+"', 'pgoutput')")
	s.SQL(t, "CREATE PUBLICATION humpty_other FOR TABLE orders; CREATE PUBLICATION not_ours FOR TABLE orders")
	s.Run(t, "check").Want(t, 0, name, "left by run "+run+", which is over", "humpty prune orders drops it", "humpty_other", "humpty prune orders --slot humpty_other")
	s.Run(t, "prune", "--yes").Want(t, 0, "dropped "+name)
	s.Run(t, "prune", "--yes").Want(t, 0, "nothing to drop")
	s.Run(t, "prune", "--yes", "--slot", "not_ours").Want(t, 4, "not_ours is no slot on source shop")
	s.Run(t, "prune", "--yes", "--slot", "humpty_other").Want(t, 0, "dropped humpty_other")
	if n := rig.Captures(t, conn); n != 1 {
		t.Errorf("%d slots and publications are left, want only not_ours", n)
	}
}

// Each thing that a capture needs is named with its remedy, by check and by rebuild, and
// nothing is made.
func TestLivePreflight(t *testing.T) {
	t.Parallel()
	s := rig.NewLiveShop(t, "freeze")
	s.SQL(t, `CREATE ROLE weak LOGIN PASSWORD 'weak'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO weak;
ALTER TABLE line REPLICA IDENTITY NOTHING;
CREATE TABLE pad AS SELECT i AS id, i AS order_id, repeat('x', 500) AS text FROM generate_series(1, 5000) i;
ALTER TABLE pad ADD PRIMARY KEY (id); ALTER TABLE pad REPLICA IDENTITY FULL; GRANT SELECT ON pad TO weak; ANALYZE pad`)
	s.Edit(t, "        lines:\n", "        pads: {from: shop.pad, on: {order_id: id}, many: true, columns: [id]}\n        lines:\n")
	strong := s.DSN
	dsn, err := pgx.ParseConfig(strong)
	if err != nil {
		t.Fatal(err)
	}
	s.Env["SHOP_DSN"] = fmt.Sprintf("host=%s port=%d dbname=%s user=weak password=weak", dsn.Host, dsn.Port, dsn.Database)
	for _, verb := range []string{"check", "rebuild"} {
		s.Run(t, verb).Want(t, 64,
			"user weak may not replicate", "ALTER ROLE weak REPLICATION;",
			"user weak may not publish public.orders, public.customer, public.pad: only their owner may", "publication: for_humpty",
			"table public.line has no replica identity", "ALTER TABLE public.line REPLICA IDENTITY",
			"has no index on order_id, so each round of catch-up reads it whole", `CREATE INDEX CONCURRENTLY ON "public"."pad" ("order_id"); or bear it: --allow-unindexed`)
	}
	s.Env["SHOP_DSN"] = strong
	s.SQL(t, "ALTER TABLE line REPLICA IDENTITY DEFAULT")
	s.Write(t, "orders.index.json", strings.NewReplacer(`"lines":`, `"pads": {"properties": {"id": {"type": "long"}}}, "lines":`, `"note": {"type": "text"}`, `"note": {"type": "integer"}`).Replace(rig.Index))
	s.Run(t, "rebuild", "--allow-unindexed", "--no-swap").Want(t, 6) // no note is a number
	if rig.Captures(t, s.Connect(t)) != 0 {
		t.Error("a failed run left something on the source")
	}
	s.SQL(t, "ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'")
	s.SQL(t, "SELECT pg_reload_conf()")
	s.Run(t, "check").Want(t, 64, "max_slot_wal_keep_size is 1GB")
}

// A process that is killed leaves its slot. Whoever has neither its state folder nor its
// machine finds it all the same, as soon as its lease has run out, and drops it.
func TestKilledWithoutItsState(t *testing.T) {
	t.Parallel()
	s := rig.NewLiveShop(t, "freeze")
	conn := s.Connect(t)
	p := s.Start(t, "rebuild", "--quiet")
	rig.WaitFor(t, 2*time.Millisecond, "a capture", func() bool { return rig.Captures(t, conn) == 2 })
	if err := p.Cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = p.Cmd.Wait()
	s.Env["HUMPTY_STATE"] = t.TempDir()
	s.Run(t, "prune", "--yes").Want(t, 0, "nothing to drop") // it may live on another machine
	s.Expire(t)
	var name string
	if err := conn.QueryRow(t.Context(), "SELECT pubname FROM pg_publication").Scan(&name); err != nil { // the server may have dropped a slot that it was still making
		t.Fatal(err)
	}
	s.Run(t, "check").Want(t, 0, name, "left by run ", "humpty prune orders drops it")
	s.Run(t, "status").Want(t, 0, name, "left by run ")
	s.Run(t, "prune", "--yes").Want(t, 0, "dropped "+name)
	if n := rig.Captures(t, conn); n != 0 {
		t.Errorf("%d slots and publications are left", n)
	}
}
