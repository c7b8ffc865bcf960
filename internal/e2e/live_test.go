// Package endtoend has the scenarios that need every part: real sources, the engine, a
// real target, and an oracle that knows nothing of them.
package e2e

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"reflect"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"

	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sources"
	"humpty/sources/postgres"
)

const tables = `
create table nation (id int primary key, name text not null);
create table customer (id int primary key, nation int not null references nation, name text not null);
create table orders (id int primary key, customer int, note text);
create table line (order_id int, n int, sku text, primary key (order_id, n));
create index on customer (nation); create index on orders (customer);
insert into nation select i, 'nation ' || i from generate_series(1, 5) i;
insert into customer select i, i % 5 + 1, 'customer ' || i from generate_series(1, 40) i;
insert into orders select i, i % 40 + 1, 'note ' || i from generate_series(1, 1000) i;
insert into line select o, n, 'sku ' || n from generate_series(1, 1000) o, generate_series(1, 3) n;
analyze`

// oracle builds every document in one naive SELECT.
const oracle = `
select o.id::text, json_build_object('id', o.id, 'customer', o.customer, 'note', o.note,
  'buyer', (select json_build_object('name', c.name, 'land', (select json_build_object('name', n.name) from nation n where n.id = c.nation))
            from customer c where c.id = o.customer),
  'lines', coalesce((select json_agg(json_build_object('n', l.n, 'sku', l.sku) order by l.n) from line l where l.order_id = o.id), '[]'))::text
from orders o`

func shape() sources.Shape {
	on := func(child, parent string) []sources.Join { return []sources.Join{{Child: child, Parent: parent}} }
	columns := func(names ...string) []sources.Column {
		var list []sources.Column
		for _, n := range names {
			list = append(list, sources.Column{Field: n, Expr: n, Plain: true})
		}
		return list
	}
	return sources.Shape{
		From: "orders", Columns: columns("id", "customer", "note"),
		Include: []sources.Shape{
			{
				Name: "buyer", From: "customer", On: on("id", "customer"), One: true, Columns: columns("name"),
				Include: []sources.Shape{{Name: "land", From: "nation", On: on("id", "nation"), One: true, Columns: columns("name")}},
			},
			{Name: "lines", From: "line", On: on("order_id", "id"), Many: true, Columns: columns("n", "sku")},
		},
	}
}

// change is one random transaction of the application; it says which order it was about.
func change(rng *rand.Rand, i int) (sql string, order int) {
	order = 1 + rng.IntN(1100)
	switch rng.IntN(9) {
	case 0:
		return fmt.Sprintf("delete from line where order_id = %d; delete from orders where id = %[1]d", order), order
	case 1:
		return fmt.Sprintf("update customer set name = 'renamed %d' where id = %d", i, 1+rng.IntN(40)), 0
	case 2:
		return fmt.Sprintf("update nation set name = 'renamed %d' where id = %d", i, 1+rng.IntN(5)), 0
	case 3:
		return fmt.Sprintf("update line set order_id = %d where order_id = %d and n = 1 and not exists (select from line where order_id = %[1]d and n = 1)", 1+rng.IntN(1000), order), order
	case 4:
		return fmt.Sprintf("insert into line values (%d, %d, 'new %d') on conflict do nothing", order, 4+rng.IntN(9), i), order
	case 5:
		return fmt.Sprintf("update orders set id = id + 10000 where id = %d and not exists (select from orders where id = %[1]d + 10000)", order), order
	}
	return fmt.Sprintf("insert into orders values (%d, %d, 'changed %d') on conflict (id) do update set note = excluded.note, customer = excluded.customer", order, 1+rng.IntN(45), i), order
}

type scene struct {
	t      *testing.T
	pg, es string
	alias  string
	target *elastic.Target
}

func newScene(t *testing.T) *scene {
	t.Helper()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	s := &scene{t: t, pg: stack.Addresses().Postgres, es: devstack.Elasticsearch(t), alias: devstack.Name(t)}
	t.Cleanup(func() {
		s.http(http.MethodDelete, "/"+s.alias+"-*?expand_wildcards=all")
		s.http(http.MethodDelete, "/humpty-leases/_doc/"+s.alias)
	})
	var err error
	if s.target, err = elastic.Dial(t.Context(), elastic.Config{Addresses: []string{s.es}, Alias: s.alias}); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *scene) http(method, path string) string {
	s.t.Helper()
	req, err := http.NewRequestWithContext(context.WithoutCancel(s.t.Context()), method, s.es+path, nil)
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		s.t.Fatal(err)
	}
	return string(body)
}

func (s *scene) run() string { return strings.ReplaceAll(s.alias, "_", "-") }

// live is a rebuild to be, with a store of its own.
func (s *scene) live(source sources.Source, owner sinks.Owner, writer projector.Writer) *projector.Rebuild {
	s.t.Helper()
	store, err := checkpoint.Open(s.t.TempDir(), checkpoint.Options{})
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() {
		if err := store.Close(); err != nil {
			s.t.Error(err)
		}
	})
	return &projector.Rebuild{
		Projection: projector.Projection{
			Name: "orders", Alias: s.alias, Versions: "class",
			Index:  json.RawMessage(`{"settings": {"number_of_shards": 2, "number_of_replicas": 0}}`),
			Limits: projector.Limits{Batch: 64 << 10},
		},
		Source: source, Target: s.target, Owner: owner,
		Live: &projector.Live{Checkpoint: store, Writer: writer},
	}
}

func (s *scene) rebuild() projector.Record {
	s.t.Helper()
	source, err := postgres.New(postgres.Config{DSN: s.pg, Shape: shape(), MaxConnections: 6, PageBytes: 64 << 10})
	if err != nil {
		s.t.Fatal(err)
	}
	rec, err := s.live(source, sinks.Owner{Run: s.run()}, projector.WriterFreeze).Run(s.t.Context())
	if err != nil {
		s.t.Fatal(err)
	}
	return rec
}

// An application writes from before the rebuild until the old index is blocked for the
// swap. Then the new one must equal what SQL says, but for the one order that was being
// written at that moment: its application sees the block, and writes it again.
func TestLiveRebuildLosesNoWrite(t *testing.T) {
	t.Parallel()
	s := newScene(t)
	app, err := pgx.Connect(t.Context(), s.pg)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = app.Close(context.WithoutCancel(t.Context())) }()
	if _, err := app.Exec(t.Context(), tables, pgx.QueryExecModeSimpleProtocol); err != nil {
		t.Fatal(err)
	}
	first := s.rebuild()

	writes, last := 0, 0
	var writing errgroup.Group
	writing.Go(func() error {
		rng := rand.New(rand.NewPCG(1, 1))
		for {
			var sql string
			for range 20 {
				sql, last = change(rng, writes)
				for last == 0 { // what touches many orders must not be what is cut off
					if _, err := app.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
						return err
					}
					sql, last = change(rng, writes)
				}
				if strings.Contains(s.http(http.MethodGet, "/"+first.Generation+"/_settings?flat_settings=true"), `"index.blocks.write":"true"`) {
					return nil
				}
				if _, err := app.Exec(t.Context(), sql, pgx.QueryExecModeSimpleProtocol); err != nil {
					return err
				}
				writes++
			}
		}
	})
	second := s.rebuild()
	if err := writing.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("%d writes, rounds %+v, phases %+v", writes, second.Rounds, second.Phases)
	if writes < 50 {
		t.Errorf("only %d writes beside the rebuild", writes)
	}
	s.equal(app, second.Generation, last)
	var left int
	if err := app.QueryRow(t.Context(), "select (select count(*) from pg_replication_slots) + (select count(*) from pg_publication)").Scan(&left); err != nil || left != 0 {
		t.Errorf("%d slots and publications are left (%v)", left, err)
	}
}

// equal compares the index with the oracle, but for orders that may differ.
func (s *scene) equal(app *pgx.Conn, generation string, except int) {
	s.t.Helper()
	spared := map[string]bool{fmt.Sprint(except): true, fmt.Sprint(except + 10000): true}
	want := map[string]string{}
	rows, err := app.Query(s.t.Context(), oracle)
	if err != nil {
		s.t.Fatal(err)
	}
	for rows.Next() {
		var id, doc string
		if err := rows.Scan(&id, &doc); err != nil {
			s.t.Fatal(err)
		}
		want[id] = doc
	}
	if err := rows.Err(); err != nil {
		s.t.Fatal(err)
	}
	index, err := s.target.Open(s.t.Context(), generation)
	if err != nil {
		s.t.Fatal(err)
	}
	extra := 0
	err = index.Scan(s.t.Context(), 0, 1, func(docs []sinks.Document) error {
		for _, d := range docs {
			id := string(d.ID)
			doc, ok := want[id]
			delete(want, id)
			if spared[id] {
				continue
			}
			if !ok {
				extra++
			} else if !same(doc, string(d.Body)) {
				s.t.Errorf("order %s is\n%s\nwant\n%s", id, d.Body, doc)
			}
		}
		return nil
	})
	if err != nil {
		s.t.Fatal(err)
	}
	for id := range spared {
		delete(want, id)
	}
	if len(want) > 0 || extra > 0 {
		s.t.Errorf("%d orders are missing, %d are extra", len(want), extra)
	}
}

func same(a, b string) bool {
	var x, y any
	return json.Unmarshal([]byte(a), &x) == nil && json.Unmarshal([]byte(b), &y) == nil && reflect.DeepEqual(x, y)
}
