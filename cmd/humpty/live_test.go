package main

import (
	"context"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"humpty/internal/devstack"
)

// newLiveShop is a shop in a PostgreSQL of its own: a slot waits for the transactions of a
// whole cluster.
func newLiveShop(t *testing.T, writer string) *shop {
	t.Helper()
	s := newShop(t)
	s.dsn = devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres
	s.env["SHOP_DSN"], s.env["HUMPTY_STATE"] = s.dsn, filepath.Join(t.TempDir(), "state")
	s.sql(t, shopTables)
	s.edit(t, "alias: ${ALIAS}\n", "alias: ${ALIAS}\n    consistency: live\n    writer: "+writer+"\n")
	return s
}

// change is one change of the application's.
func change(rng *rand.Rand, i int) string {
	id := 1 + rng.IntN(320)
	switch rng.IntN(5) {
	case 0:
		return fmt.Sprintf("UPDATE customer SET name = 'renamed %d' WHERE id = %d", i, 1+rng.IntN(10))
	case 1:
		return fmt.Sprintf("DELETE FROM line WHERE order_id = %d; DELETE FROM orders WHERE id = %[1]d", id)
	case 2:
		return fmt.Sprintf("INSERT INTO line SELECT id, %d, 'new', 1 FROM orders WHERE id = %d ON CONFLICT DO NOTHING", 4+rng.IntN(5), id)
	}
	return fmt.Sprintf("INSERT INTO orders VALUES (%d, %d, '2026-06-01', %d, 'changed') ON CONFLICT (id) DO UPDATE SET note = 'again %[3]d', customer_id = excluded.customer_id", id, 1+rng.IntN(10), i)
}

// busy changes the tables until stop is closed, and says how often it did.
func (s *shop) busy(t *testing.T, stop <-chan struct{}) (wait func() int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	writes := 0
	group.Go(func() error {
		defer conn.Close(context.WithoutCancel(t.Context()))
		rng := rand.New(rand.NewPCG(7, 7))
		for ; ; writes++ {
			select {
			case <-stop:
				return nil
			default:
			}
			if _, err := conn.Exec(t.Context(), change(rng, writes), pgx.QueryExecModeSimpleProtocol); err != nil {
				return err
			}
		}
	})
	return func() int {
		t.Helper()
		if err := group.Wait(); err != nil {
			t.Fatal(err)
		}
		return writes
	}
}

const shopOracle = `SELECT o.id::text, json_build_object('id', o.id, 'customer_id', o.customer_id, 'placed', o.placed, 'total', o.total, 'note', o.note,
 'customer', (SELECT json_build_object('name', c.name) FROM customer c WHERE c.id = o.customer_id),
 'lines', coalesce((SELECT json_agg(json_build_object('order_id', l.order_id, 'no', l.no, 'sku', l.sku, 'quantity', l.quantity) ORDER BY l.no) FROM line l WHERE l.order_id = o.id), '[]'))::text FROM orders o`

// differing holds what the alias serves against one naive SELECT, and names what is not so.
func (s *shop) differing(t *testing.T) (all []string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), shopOracle)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]string{}
	for rows.Next() {
		var id, doc string
		if err := rows.Scan(&id, &doc); err != nil {
			t.Fatal(err)
		}
		want[id] = plainJSON(t, doc)
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	s.request(t, t.Context(), http.MethodPost, "/"+s.alias+"/_refresh", "")
	_, body := s.request(t, t.Context(), http.MethodPost, "/"+s.alias+"/_search?size=1000", `{"query": {"match_all": {}}}`)
	var found struct {
		Hits struct {
			Hits []struct {
				ID     string          `json:"_id"`
				Source json.RawMessage `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	if err := json.Unmarshal([]byte(body), &found); err != nil || len(found.Hits.Hits) == 0 {
		t.Fatalf("search: %v %s", err, body)
	}
	for _, h := range found.Hits.Hits {
		if got := plainJSON(t, string(h.Source)); got != want[h.ID] {
			all = append(all, fmt.Sprintf("%s is %s, not %s", h.ID, got, want[h.ID]))
		}
		delete(want, h.ID)
	}
	for id := range want {
		all = append(all, id+" is missing")
	}
	return all
}

func plainJSON(t *testing.T, doc string) string {
	t.Helper()
	var v any
	if err := json.Unmarshal([]byte(doc), &v); err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(v) // sorts the keys
	if err != nil {
		t.Fatal(err)
	}
	return string(data)
}

// left is how many slots and publications there are.
func (s *shop) left(t *testing.T) (n int) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if err := conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// TestFollow writes to the tables before, during and after a live rebuild; humpty follow
// is stopped, started again, and lives through the next rebuild. At rest the index is what
// SQL says.
func TestFollow(t *testing.T) {
	t.Parallel()
	s := newLiveShop(t, "follow")
	stop := make(chan struct{})
	writes := s.busy(t, stop)
	a := s.run(t.Context(), "rebuild", "--json", "--progress-interval", "1ms")
	a.want(t, 0, `"type":"lag"`)
	r := a.result(t)["record"].(map[string]any)
	if len(r["rounds"].([]any)) == 0 {
		t.Errorf("no rounds in %v", r)
	}
	first, _ := s.serving(t)
	if s.left(t) != 2 {
		t.Error("the capture was not kept for humpty follow")
	}
	s.run(t.Context(), "status").want(t, 0, "slot and publication humpty_", "humpty follow goes on with it")
	s.run(t.Context(), "check").want(t, 0, "keep humpty follow running")
	following, end := context.WithCancel(t.Context())
	var group errgroup.Group
	var followed answer
	group.Go(func() error {
		followed = s.run(following, "follow", "--progress-interval", "1ms")
		return nil
	})
	s.run(t.Context(), "rebuild").want(t, 0, "before: "+first+", kept")
	close(stop)
	if n := writes(); n < 100 {
		t.Errorf("only %d writes", n)
	}
	for differing := s.differing(t); len(differing) > 0; differing = s.differing(t) {
		if t.Context().Err() != nil {
			t.Fatal(differing)
		}
	}
	end()
	_ = group.Wait()
	followed.want(t, 0, "follow orders", "changes: ", "the alias serves ", "stopped: orders")
	if s.left(t) != 2 {
		t.Error("the first generation's capture was not dropped, or the second's was")
	}
	s.sql(t, "UPDATE customer SET name = 'while nobody follows'")
	again, end := context.WithCancel(t.Context())
	group.Go(func() error {
		followed = s.run(again, "follow", "orders", "--json")
		return nil
	})
	for len(s.differing(t)) > 0 && t.Context().Err() == nil {
	}
	end()
	_ = group.Wait()
	followed.want(t, 0, `"projection":"orders"`)
}

// An interrupted run can be gone on with; or it is given up, and nothing is left.
func TestInterruptedLiveRun(t *testing.T) {
	t.Parallel()
	s := newLiveShop(t, "handover")
	s.run(t.Context(), "resume").want(t, 4, "no stopped run is known in the state folder")
	s.run(t.Context(), "resume", "nobody").want(t, 4, "run nobody is not known")
	s.run(t.Context(), "follow").want(t, 4, "no projection has writer: follow")
	s.run(t.Context(), "follow", "orders").want(t, 4, "writer: handover", "would undo its writes")
	stopped := func() string {
		ctx, cancel := context.WithCancelCause(t.Context())
		defer cancel(nil)
		var group errgroup.Group
		var a answer
		group.Go(func() error {
			a = s.run(ctx, "rebuild", "--json", "--progress-interval", "1ms")
			return nil
		})
		for s.left(t) < 2 { // until it captures
		}
		cancel(&interrupted{os.Interrupt})
		_ = group.Wait()
		a.want(t, 130, "humpty resume ")
		return a.result(t)["record"].(map[string]any)["run"].(string)
	}
	run := stopped()
	s.run(t.Context(), "rebuild").want(t, 4, "run "+run, "humpty resume "+run, "humpty rebuild orders --new")
	s.run(t.Context(), "check").want(t, 0, "run "+run+" was stopped", "humpty prune orders --stopped gives it up")
	s.sql(t, "UPDATE customer SET name = 'in between'")
	s.run(t.Context(), "resume").want(t, 0, "run "+run+" goes on", "orders: alias "+s.alias+" serves ")
	if d := s.differing(t); len(d) > 0 {
		t.Errorf("%d differ: %s", len(d), d[0])
	}
	if s.left(t) != 0 {
		t.Error("something is left on the source")
	}
	stopped()
	s.run(t.Context(), "rebuild", "--new").want(t, 0, "is given up")
	run = stopped()
	s.run(t.Context(), "prune", "--yes").want(t, 0, "humpty resume "+run+" goes on with it")
	s.run(t.Context(), "prune", "--stopped", "--dry-run").want(t, 0, "would drop", "run "+run+" was stopped")
	s.run(t.Context(), "prune", "--stopped", "--yes").want(t, 0, "dropped humpty_")
	s.run(t.Context(), "resume", run).want(t, 4, "is not known")
	if s.left(t) != 0 {
		t.Error("something is left on the source")
	}
}

// What dead runs left is found: by any projection's name for its own, and by the slot's
// for what nobody knows.
func TestLeftovers(t *testing.T) {
	t.Parallel()
	s := newLiveShop(t, "handover")
	s.run(t.Context(), "rebuild").want(t, 0)
	_, body := s.request(t, t.Context(), http.MethodGet, "/"+s.alias+"/_mapping", "")
	run := strings.SplitN(strings.SplitN(body, `"run":"`, 2)[1], `"`, 2)[0]
	name := "humpty_" + strings.ReplaceAll(run, "-", "_")
	s.sql(t, "CREATE PUBLICATION "+name+" FOR TABLE orders")
	s.sql(t, "SELECT pg_create_logical_replication_slot('"+name+"', 'pgoutput')")
	s.sql(t, "CREATE PUBLICATION humpty_other FOR TABLE orders; CREATE PUBLICATION not_ours FOR TABLE orders")
	s.run(t.Context(), "check").want(t, 0, name, "left by run "+run+", which is over", "humpty prune orders drops it", "humpty_other", "humpty prune orders --slot humpty_other")
	s.run(t.Context(), "prune", "--yes").want(t, 0, "dropped "+name)
	s.run(t.Context(), "prune", "--yes").want(t, 0, "nothing to drop")
	s.run(t.Context(), "prune", "--yes", "--slot", "not_ours").want(t, 4, "not_ours is no slot on source shop")
	s.run(t.Context(), "prune", "--yes", "--slot", "humpty_other").want(t, 0, "dropped humpty_other")
	if n := s.left(t); n != 1 {
		t.Errorf("%d slots and publications are left, want only not_ours", n)
	}
}

// Each thing that a capture needs is named with its remedy, by check and by rebuild, and
// nothing is made.
func TestLivePreflight(t *testing.T) {
	t.Parallel()
	s := newLiveShop(t, "freeze")
	s.sql(t, `CREATE ROLE weak LOGIN PASSWORD 'weak'; GRANT SELECT ON ALL TABLES IN SCHEMA public TO weak;
ALTER TABLE line REPLICA IDENTITY NOTHING;
CREATE TABLE pad AS SELECT i AS id, i AS order_id, repeat('x', 500) AS text FROM generate_series(1, 5000) i;
ALTER TABLE pad ADD PRIMARY KEY (id); ALTER TABLE pad REPLICA IDENTITY FULL; GRANT SELECT ON pad TO weak; ANALYZE pad`)
	s.edit(t, "        lines:\n", "        pads: {from: shop.pad, on: {order_id: id}, many: true, columns: [id]}\n        lines:\n")
	strong := s.dsn
	conn, err := pgx.ParseConfig(strong)
	if err != nil {
		t.Fatal(err)
	}
	s.env["SHOP_DSN"] = fmt.Sprintf("host=%s port=%d dbname=%s user=weak password=weak", conn.Host, conn.Port, conn.Database)
	for _, verb := range []string{"check", "rebuild"} {
		s.run(t.Context(), verb).want(t, 64,
			"user weak may not replicate", "ALTER ROLE weak REPLICATION;",
			"user weak may not make a publication", "GRANT CREATE ON DATABASE", "table public.orders belongs to", "only its owner may publish it",
			"table public.line has no replica identity", "ALTER TABLE public.line REPLICA IDENTITY",
			"has no index on order_id, so each round of catch-up reads it whole", `CREATE INDEX CONCURRENTLY ON "public"."pad" ("order_id"); or bear it: --allow-unindexed`)
	}
	s.env["SHOP_DSN"] = strong
	s.sql(t, "ALTER TABLE line REPLICA IDENTITY DEFAULT")
	s.run(t.Context(), "rebuild", "--allow-unindexed", "--no-swap").want(t, 6) // pads is not in the mapping
	if s.left(t) != 0 {
		t.Error("a failed run left something on the source")
	}
	s.sql(t, "ALTER SYSTEM SET max_slot_wal_keep_size = '1GB'")
	s.sql(t, "SELECT pg_reload_conf()")
	s.run(t.Context(), "check").want(t, 64, "max_slot_wal_keep_size is 1GB")
}
