package flush

import (
	"context"
	"encoding/json"
	"maps"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"

	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/postgres"
)

// startServer gives a PostgreSQL that flushes by itself so seldom that a crash loses what was
// committed asynchronously just before.
func startServer(t *testing.T) *devstack.Stack {
	t.Helper()
	return devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindPostgres},
		Config: map[devstack.Kind][]string{devstack.KindPostgres: {
			"synchronous_commit = off", "wal_writer_delay = 10s", "wal_writer_flush_after = 0", "autovacuum = off", "checkpoint_timeout = 1h",
		}},
	})
}

// world is a database that may lose commits, and an index of it.
type world struct {
	t      *testing.T
	stack  *devstack.Stack
	dsn    string
	source *hookedSource
	target *sinktest.MemoryTarget
	crash  func() // kills the server and starts it again, the first time it is called
	dir    string
}

const schema = `
create table customer (id int primary key, name text not null);
create table orders (id int primary key, v text not null, customer_id int not null);
create index on orders (customer_id);
insert into customer select i, 'c' || i from generate_series(1, 3) i;
insert into orders select i, 'v' || i, 1 + i % 3 from generate_series(1, 20) i;`

const oracle = `
select o.id::text, json_build_object('id', o.id, 'v', o.v, 'customer_id', o.customer_id,
  'customer', (select json_build_object('name', c.name) from customer c where c.id = o.customer_id))::text
from orders o`

// newWorld makes a database on the server. Where the rule is forgotten, the engine is not told
// that the source can take commits back.
func newWorld(t *testing.T, stack *devstack.Stack, forget bool) *world {
	t.Helper()
	w := &world{
		t: t, stack: stack, dsn: stack.Addresses().Postgres, dir: t.TempDir(),
		target: &sinktest.MemoryTarget{Name: "orders"},
	}
	w.crash = sync.OnceFunc(w.crashNow)
	name := devstack.Name(t)
	w.sync("create database " + name)
	w.dsn = strings.Replace(w.dsn, "/postgres?", "/"+name+"?", 1)
	w.sync(schema)
	inner, err := postgres.New(postgres.Config{DSN: w.dsn, Shape: sources.Shape{
		From: "orders",
		Include: []sources.Shape{{
			Name: "customer", From: "customer", One: true, On: []sources.Join{{Child: "id", Parent: "customer_id"}},
			Columns: []sources.Column{{Field: "name", Expr: "name", Plain: true}},
		}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	w.source = &hookedSource{Source: inner, forget: forget}
	return w
}

func (w *world) crashNow() {
	if err := w.stack.Kill(devstack.KindPostgres); err != nil {
		w.t.Error(err)
	}
	if err := w.stack.Start(context.WithoutCancel(w.t.Context()), devstack.KindPostgres); err != nil {
		w.t.Error(err)
	}
}

func (w *world) exec(setting, sql string) {
	w.t.Helper()
	ctx := context.WithoutCancel(w.t.Context())
	conn, err := pgx.Connect(ctx, w.dsn)
	if err != nil {
		w.t.Error(err)
		return
	}
	defer conn.Close(ctx)
	if _, err := conn.Exec(ctx, "set synchronous_commit = "+setting); err != nil {
		w.t.Error(err)
	}
	if _, err := conn.Exec(ctx, sql); err != nil {
		w.t.Errorf("%s: %v", sql, err)
	}
}

// sync commits, and with it all that was committed before, for good.
func (w *world) sync(sql string) { w.t.Helper(); w.exec("on", sql) }

// async commits what a crash takes back.
func (w *world) async(sql string) { w.t.Helper(); w.exec("off", sql) }

func (w *world) projection() projector.Projection {
	return projector.Projection{Name: "orders", Alias: "orders", Hash: "1", Verify: projector.VerifyPolicy{Level: projector.LevelCount}}
}

// open opens the state of a run.
func (w *world) open(run string) (*checkpoint.Store, error) {
	return checkpoint.Open(w.dir+"/"+run, checkpoint.Options{})
}

// rebuild runs one; without a writer it is of a snapshot.
func (w *world) rebuild(writer projector.Writer, observe func(report.Event)) (projector.Record, error) {
	w.t.Helper()
	run := devstack.Name(w.t)
	r := projector.Rebuild{
		Projection: w.projection(), Source: w.source, Target: w.target, Owner: sinks.Owner{Run: run}, Observe: observe, MaxOutage: time.Minute,
	}
	if writer == "" {
		return r.Run(w.t.Context())
	}
	store, err := w.open(run)
	if err != nil {
		w.t.Fatal(err)
	}
	r.Live = &projector.Live{Checkpoint: store, Writer: writer}
	rec, err := r.Run(w.t.Context())
	if err := store.Close(); err != nil {
		w.t.Error(err)
	}
	return rec, err
}

// table is what the index must hold.
func (w *world) table() map[string]any {
	w.t.Helper()
	ctx := context.WithoutCancel(w.t.Context())
	conn, err := pgx.Connect(ctx, w.dsn)
	if err != nil {
		w.t.Fatal(err)
	}
	defer conn.Close(ctx)
	rows, err := conn.Query(ctx, oracle)
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string]any{}
	for rows.Next() {
		var id, text string
		if err := rows.Scan(&id, &text); err != nil {
			w.t.Fatal(err)
		}
		all[id] = parse(w.t, []byte(text))
	}
	if err := rows.Err(); err != nil {
		w.t.Fatal(err)
	}
	return all
}

// index is what the alias serves.
func (w *world) index() map[string]any {
	w.t.Helper()
	ctx := context.WithoutCancel(w.t.Context())
	survey, err := w.target.Survey(ctx)
	if err != nil {
		w.t.Fatal(err)
	}
	index, err := w.target.Open(ctx, survey.Live())
	if err != nil {
		w.t.Fatal(err)
	}
	all := map[string]any{}
	err = index.Scan(ctx, 0, 1, func(docs []sinks.Document) error {
		for _, d := range docs {
			all[string(d.ID)] = parse(w.t, d.Body)
		}
		return nil
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

func parse(t *testing.T, text []byte) any {
	t.Helper()
	var v any
	if err := json.Unmarshal(text, &v); err != nil {
		t.Fatalf("%s: %v", text, err)
	}
	return v
}

// differing lists the documents that are not as the table has them.
func (w *world) differing() (ids []string) {
	w.t.Helper()
	want, have := w.table(), w.index()
	both := maps.Clone(want)
	maps.Copy(both, have)
	for id := range both {
		if !reflect.DeepEqual(want[id], have[id]) {
			ids = append(ids, id)
		}
	}
	return slices.Sorted(slices.Values(ids))
}

// hookedSource is a PostgreSQL source with hooks before what it does.
type hookedSource struct {
	*postgres.Source
	forget bool // that the server may take commits back

	onOpen, onLookup, onExpand func()
}

func (s *hookedSource) Capture(ctx context.Context, name string, from sources.Position) (sources.ChangeStream, error) {
	stream, err := s.Source.Capture(ctx, name, from)
	if err == nil && s.forget {
		stream = struct{ sources.ChangeStream }{stream}
	}
	return stream, err
}

func (s *hookedSource) Open(ctx context.Context) (sources.View, error) {
	call(s.onOpen)
	v, err := s.Source.Open(ctx)
	if err != nil {
		return nil, err
	}
	hooked := hookedView{View: v, Expander: v.(sources.Expander), Counter: v.(sources.Counter), source: s} //nolint:forcetypeassert // of this source
	if s.forget {
		return hooked, nil
	}
	return trackedView{hooked, v.(sources.FlushTracked)}, nil //nolint:forcetypeassert // of this source
}

type hookedView struct {
	sources.View
	sources.Expander
	sources.Counter
	source *hookedSource
}

// trackedView tells what is flushed.
type trackedView struct {
	hookedView
	sources.FlushTracked
}

func (v hookedView) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	call(v.source.onLookup)
	return v.Expander.Lookup(ctx, keys, b)
}

func (v hookedView) Expand(ctx context.Context, marks []sources.DirtyKey, fn func([][]byte) error) (sources.TxSnapshot, error) {
	call(v.source.onExpand)
	return v.Expander.Expand(ctx, marks, fn)
}

func call(hook func()) {
	if hook != nil {
		hook()
	}
}
