//go:build unix

package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"humpty/internal/devstack"
	"humpty/projector"
)

const crashOrders = 30_000

// The shop, larger, on a PostgreSQL of its own: a slot waits for every database's writers.
var crashTables = fmt.Sprintf(`
CREATE TABLE customer (id bigint PRIMARY KEY, name text NOT NULL);
CREATE TABLE orders (id bigint PRIMARY KEY, customer_id bigint, placed date, total numeric(12,2), note text);
CREATE TABLE line (order_id bigint, no int, sku text, quantity int, PRIMARY KEY (order_id, no));
CREATE INDEX ON orders (customer_id);
INSERT INTO customer SELECT i, 'customer ' || i FROM generate_series(1, 200) i;
INSERT INTO orders SELECT i, i %% 200 + 1, date '2026-01-01' + i %% 300, i * 1.25, 'note ' || i FROM generate_series(1, %[1]d) i;
INSERT INTO line SELECT o, n, 'sku-' || (o * 7 + n) %% 50, n FROM generate_series(1, %[1]d) o, generate_series(1, 2) n;
ANALYZE;`, crashOrders)

const crashOracle = `
SELECT o.id::text, json_build_object('id', o.id, 'customer_id', o.customer_id, 'placed', o.placed, 'total', o.total, 'note', o.note,
  'customer', (SELECT json_build_object('name', c.name) FROM customer c WHERE c.id = o.customer_id),
  'lines', coalesce((SELECT json_agg(json_build_object('order_id', l.order_id, 'no', l.no, 'sku', l.sku, 'quantity', l.quantity) ORDER BY l.no) FROM line l WHERE l.order_id = o.id), '[]'))::text
FROM orders o`

func newCrashShop(t *testing.T, dsn, es, writer string) *shop {
	t.Helper()
	s := &shop{dsn: dsn, es: es, alias: devstack.Name(t)}
	dir := t.TempDir()
	s.file = filepath.Join(dir, "humpty.yaml")
	s.write(t, "humpty.yaml", shopConfig)
	s.edit(t, "alias: ${ALIAS}\n", "alias: ${ALIAS}\n    consistency: live\n    writer: "+writer+"\n    limits: {max_bulk_mb_s: 4, batch: 64KB, writers: 4}\n",
		"version: 1\n", "version: 1\nstate: state\n")
	s.write(t, "orders.index.json", shopIndex)
	s.env = map[string]string{"SHOP_DSN": s.dsn, "ES": s.es, "ALIAS": s.alias, "HUMPTY_CONFIG": s.file}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		s.request(t, ctx, http.MethodDelete, "/"+s.alias+"-*?expand_wildcards=all", "")
		s.request(t, ctx, http.MethodDelete, "/humpty-leases/_doc/"+s.alias, "")
	})
	return s
}

// humpty is a process of this shop's.
func (s *shop) humpty(t *testing.T, args ...string) *exec.Cmd {
	cmd := process(t, args...)
	for k, v := range s.env {
		cmd.Env = append(cmd.Env, k+"="+v)
	}
	return cmd
}

// writing changes rows until stop is closed, and says how often it did.
func (s *shop) writing(ctx context.Context, rng *rand.Rand, stop <-chan struct{}) (int, error) {
	conn, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		return 0, err
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for n := 0; ; n++ {
		select {
		case <-stop:
			return n, nil
		case <-time.After(time.Duration(rng.IntN(4)) * time.Millisecond):
		}
		id := 1 + rng.IntN(crashOrders+100)
		var sql string
		switch rng.IntN(8) {
		case 0:
			sql = fmt.Sprintf("DELETE FROM line WHERE order_id = %d; DELETE FROM orders WHERE id = %[1]d", id)
		case 1:
			sql = fmt.Sprintf("UPDATE customer SET name = 'renamed %d' WHERE id = %d", n, 1+rng.IntN(200))
		case 2:
			sql = fmt.Sprintf("UPDATE line SET order_id = %d WHERE order_id = %d AND no = 1 AND NOT EXISTS (SELECT FROM line WHERE order_id = %[1]d AND no = 1)", 1+rng.IntN(crashOrders), id)
		case 3:
			sql = fmt.Sprintf("INSERT INTO line VALUES (%d, %d, 'new %d', 1) ON CONFLICT DO NOTHING", id, 3+rng.IntN(4), n)
		default:
			sql = fmt.Sprintf("INSERT INTO orders VALUES (%d, %d, '2026-02-02', %d, 'changed %d') ON CONFLICT (id) DO UPDATE SET note = excluded.note, total = excluded.total", id, 1+rng.IntN(200), n, n)
		}
		if _, err := conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol); err != nil {
			return n, err
		}
	}
}

// equalsOracle compares what the alias serves with what SQL says.
func (s *shop) equalsOracle(t *testing.T) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	want := map[string]any{}
	rows, err := conn.Query(t.Context(), crashOracle)
	if err != nil {
		t.Fatal(err)
	}
	var id, doc string
	if _, err := pgx.ForEachRow(rows, []any{&id, &doc}, func() error {
		want[id] = plain(t, []byte(doc))
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	_, count := s.request(t, t.Context(), http.MethodGet, "/"+s.alias+"/_count?filter_path=count", "")
	if count != fmt.Sprintf(`{"count":%d}`, len(want)) {
		t.Errorf("the index has %s, want %d", count, len(want))
	}
	found := 0
	for from := ""; ; {
		after := ""
		if from != "" {
			after = `, "search_after": [` + from + `]`
		}
		_, page := s.request(t, t.Context(), http.MethodPost, "/"+s.alias+"/_search", `{"size": 5000, "sort": [{"id": "asc"}]`+after+`}`)
		var a struct {
			Hits struct {
				Hits []struct {
					ID     string          `json:"_id"`
					Source json.RawMessage `json:"_source"`
					Sort   []json.Number   `json:"sort"`
				} `json:"hits"`
			} `json:"hits"`
		}
		if err := json.Unmarshal([]byte(page), &a); err != nil {
			t.Fatalf("%v: %s", err, page)
		}
		if len(a.Hits.Hits) == 0 {
			break
		}
		for _, h := range a.Hits.Hits {
			if found++; !reflect.DeepEqual(plain(t, h.Source), want[h.ID]) {
				t.Errorf("order %s is %s, want %v", h.ID, h.Source, want[h.ID])
			}
			from = h.Sort[0].String()
		}
		if t.Failed() {
			return
		}
	}
	if found != len(want) {
		t.Errorf("%d documents were found, want %d", found, len(want))
	}
}

func plain(t *testing.T, text []byte) any {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(text))
	var v any
	if err := d.Decode(&v); err != nil {
		t.Fatalf("%v: %s", err, text)
	}
	return v
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
			s := newCrashShop(t, stack.Addresses().Postgres, es, writer)
			s.sql(t, "DROP TABLE IF EXISTS line, orders, customer; "+crashTables)
			stop := make(chan struct{})
			var group errgroup.Group
			writes := 0
			group.Go(func() (err error) {
				writes, err = s.writing(t.Context(), rand.New(rand.NewPCG(seed, 8)), stop)
				return err
			})
			killed, resumed := s.killing(t, rng)
			close(stop)
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
			if out, err := s.finishing(t).CombinedOutput(); err != nil {
				t.Fatalf("the last process: %v\n%s", err, out)
			}
			s.equalsOracle(t)
			t.Logf("killed %d times, resumed %d times, beside %d transactions", killed, resumed, writes)
			s.sql(t, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots")
		})
	}
}

// killing lets up to three processes live for a random while each.
func (s *shop) killing(t *testing.T, rng *rand.Rand) (killed, resumed int) {
	t.Helper()
	for range 3 {
		cmd := s.finishing(t)
		if cmd.Args[1] == "resume" {
			resumed++
		}
		var said bytes.Buffer
		cmd.Stdout, cmd.Stderr = &said, &said
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		timer := time.AfterFunc(time.Duration(300+rng.IntN(3000))*time.Millisecond, func() { _ = cmd.Process.Kill() })
		err := cmd.Wait()
		timer.Stop()
		var exit *exec.ExitError
		switch {
		case err == nil:
			return killed, resumed // it was quicker
		case !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL: //nolint:forcetypeassert // on unix
			t.Fatalf("%s: %v\n%s", strings.Join(cmd.Args[1:], " "), err, said.String())
		}
		killed++
	}
	return killed, resumed
}

// finishing is the process that goes on with what there is, or begins. A process that was
// killed before it wrote anything down leaves only its lease: that has to run out.
func (s *shop) finishing(t *testing.T) *exec.Cmd {
	t.Helper()
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		var status struct {
			Projections []struct {
				Stopped []stoppedRun
				Lease   projector.LeaseState
			}
		}
		got := s.call.run(t.Context(), "status", "orders", "--json")
		lines := strings.Split(strings.TrimSpace(got.out), "\n")
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &status); err != nil || got.code != 0 {
			t.Fatalf("%v: %s%s", err, got.out, got.err)
		}
		switch found := status.Projections[0]; {
		case len(found.Stopped) > 0:
			return s.humpty(t, "resume", found.Stopped[0].Run)
		case !found.Lease.Held:
			return s.humpty(t, "rebuild", "orders")
		}
		select {
		case <-tick.C:
		case <-t.Context().Done():
			t.Fatal(context.Cause(t.Context()))
		}
	}
}
