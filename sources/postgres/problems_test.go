package postgres

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/sources"
	"humpty/sources/postgres/session"
)

const problemSQL = `
create table orders (id int primary key, customer_id int, title text, note text, "Mixed" int, changed timestamptz);
create table customer (id int primary key, email text, nation text);
create table line (order_id int, n int, note text, primary key (order_id, n));
create table loose (order_id int, note text);
create table keyless (id int);
create table nullable (id int unique, other int not null);
create table big (id int primary key, order_id text, pad text);
insert into big select i, i, repeat('x', 200) from generate_series(1, 8000) i; analyze big;
create table bigint_ref (id int primary key, order_id int, pad text);
insert into bigint_ref select i, i, repeat('x', 200) from generate_series(1, 8000) i; analyze bigint_ref;
create view shown as select * from orders;`

func include(s sources.Shape, i sources.Shape) sources.Shape {
	i.Name, i.Place = "inc", "humpty.yaml:9:5"
	s.Include = []sources.Shape{i}
	return s
}

func TestProblems(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, problemSQL)
	root := sources.Shape{From: "orders", Place: "humpty.yaml:5:5"}
	with := func(change func(*sources.Shape)) sources.Shape {
		s := root
		change(&s)
		return s
	}
	for name, c := range map[string]struct {
		shape sources.Shape
		want  []string
	}{
		"unknown table":    {sources.Shape{From: "public.order", Place: "humpty.yaml:5:5"}, []string{"humpty.yaml:5:5: there is no table public.order in database ", "did you mean orders?"}},
		"unknown column":   {with(func(s *sources.Shape) { s.Columns = plain("titel") }), []string{"there is no column titel in public.orders", "did you mean title?"}},
		"case of a column": {with(func(s *sources.Shape) { s.Columns = plain("mixed") }), []string{"there is no column mixed in public.orders", "did you mean Mixed?"}},
		"expression": {with(func(s *sources.Shape) {
			s.Columns = []sources.Column{{Field: "x", Expr: "lower(id)", Place: "humpty.yaml:7:3"}}
		}), []string{"humpty.yaml:7:3: expression lower(id) over public.orders: function lower(integer) does not exist"}},
		"where":              {with(func(s *sources.Shape) { s.Where = "deleted is null" }), []string{"where of the document: deleted is null: column \"deleted\" does not exist"}},
		"parameter in where": {with(func(s *sources.Shape) { s.Where = "id = $1" }), []string{"$1"}},
		"field twice": {with(func(s *sources.Shape) {
			s.Columns = []sources.Column{{Expr: "*"}, {Field: "title", Expr: "note", Plain: true}}
		}), []string{"field \"title\" stands twice in the document", "rename one of them"}},
		"no key":            {sources.Shape{From: "keyless"}, []string{"table public.keyless has no key", "add a primary key"}},
		"id not unique":     {with(func(s *sources.Shape) { s.ID = []string{"title"} }), []string{"the column of id is not unique in public.orders: title", `CREATE UNIQUE INDEX CONCURRENTLY ON "public"."orders" ("title")`}},
		"id nullable":       {sources.Shape{From: "nullable", ID: []string{"id"}}, []string{"the column of id is unique but may be NULL in public.nullable: id", `ALTER COLUMN "id" SET NOT NULL`}},
		"id unknown":        {with(func(s *sources.Shape) { s.ID = []string{"oid"} }), []string{"there is no column oid", "did you mean id?"}},
		"view without id":   {sources.Shape{From: "shown"}, []string{"public.shown has no key of its own", "add id:"}},
		"version type":      {with(func(s *sources.Shape) { s.Version = "title" }), []string{"the version column title is of type pg_catalog.text, and a version is an integer", "use a column of type bigint"}},
		"version of time":   {with(func(s *sources.Shape) { s.Version = "changed" }), []string{"the version column changed is of type pg_catalog.timestamptz", "write version: class"}},
		"version nullable":  {with(func(s *sources.Shape) { s.Version = "customer_id" }), []string{"the version column customer_id may be NULL in public.orders", `ALTER COLUMN "customer_id" SET NOT NULL`}},
		"version unknown":   {with(func(s *sources.Shape) { s.Version = "oid" }), []string{"there is no column oid"}},
		"version of a view": {sources.Shape{From: "shown", ID: []string{"id"}, Version: "id"}, []string{"version: {column: id} needs a table, and public.shown is none", "take the document from the table itself"}},
		"query":             {sources.Shape{Query: "select * from nowhere", ID: []string{"id"}}, []string{"the query cannot be used: relation \"nowhere\" does not exist"}},
		"no on":             {include(root, sources.Shape{From: "line", Many: true}), []string{"humpty.yaml:9:5: include inc has no on", "add on: {column of public.line"}},
		"one nor many":      {include(root, sources.Shape{From: "line", On: on("order_id", "id")}), []string{"include inc must be either one or many"}},
		"one not unique":    {include(root, sources.Shape{From: "loose", On: on("order_id", "id"), One: true}), []string{"include inc is a one, but order_id is not unique in public.loose", "CREATE UNIQUE INDEX CONCURRENTLY"}},
		"types of a join":   {include(root, sources.Shape{From: "big", On: on("order_id", "id"), Many: true}), []string{"include inc: order_id of public.big cannot be compared with id of public.orders: operator does not exist: text = integer"}},
		"on unknown":        {include(root, sources.Shape{From: "line", On: on("orderid", "idd"), Many: true}), []string{"no column orderid in public.line", "did you mean order_id?", "no column idd in public.orders", "did you mean id?"}},
		"flatten many":      {include(root, sources.Shape{From: "line", On: on("order_id", "id"), Many: true, Flatten: true}), []string{"only a one can be flattened"}},
		"values of one":     {include(root, sources.Shape{From: "customer", On: on("id", "customer_id"), One: true, Values: "email"}), []string{"values make an array"}},
		"through":           {include(root, sources.Shape{From: "customer", On: on("id", "x"), Many: true, Through: &sources.Through{From: "lin", Place: "humpty.yaml:11:1"}}), []string{"humpty.yaml:11:1: there is no table lin", "did you mean line?"}},
		"several at once":   {include(with(func(s *sources.Shape) { s.Columns, s.Where = plain("a"), "b = 1" }), sources.Shape{From: "c"}), []string{"no column a in", "column \"b\" does not exist", "no table c in"}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := d.source(Config{Shape: c.shape}).Plan(t.Context())
			contains(t, err, c.want...)
			var list problem.List
			if !errors.As(err, &list) {
				t.Errorf("%T is no problem.List", err)
			}
		})
	}
}

func TestUnindexed(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, problemSQL, "insert into orders select i, i from generate_series(1, 3000, 3) i")
	shape := include(sources.Shape{From: "orders", Columns: plain("id")}, sources.Shape{From: "bigint_ref", On: on("order_id", "id"), Many: true, Columns: plain("id")})
	plan, err := d.source(Config{Shape: shape}).Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if len(plan.Warnings) != 1 || !plan.Warnings[0].Warning {
		t.Fatalf("warnings: %v", plan.Warnings)
	}
	contains(t, problem.List(plan.Warnings), "humpty.yaml:9:5: warning: include inc: table public.bigint_ref (about 8000 rows, ", " MB) has no index on order_id",
		`CREATE INDEX CONCURRENTLY ON "public"."bigint_ref" ("order_id");`)
	for _, pages := range []int{0, 1, 500} {
		d.equal(d.read(Config{Shape: shape, PageBytes: pages, Chunks: 3}),
			`select id, json_build_object('id', id, 'inc', coalesce((select json_agg(json_build_object('id', b.id)) from bigint_ref b where b.order_id = o.id), '[]')) from orders o`)
	}
}

// TestScans reads includes that no index reaches, nested, shared and through a table,
// and counts that their tables are read once a partition, not once a page.
func TestScans(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `create table a (k text primary key, one_id int); insert into a select 'k' || i, i % 40 from generate_series(1, 600) i;
create table b (id int, a text, one_id int, pad text); insert into b select i, 'k' || i % 700, i % 40, repeat('x', 400) from generate_series(1, 4000) i;
create table c (id int primary key, one_id numeric, at date, pad text); insert into c select i, i % 45, date '2024-01-01' + i % 3, repeat('x', 400) from generate_series(1, 4000) i;
create table o (id numeric, pad text); insert into o select i, repeat('x', 2000) from generate_series(0, 800) i; analyze;`)
	deep := sources.Shape{Name: "c", From: "c", Many: true, On: on("one_id", "one_id"), Columns: plain("id")}
	shape := sources.Shape{From: "a", Include: []sources.Shape{
		{Name: "b", From: "b", Many: true, On: on("a", "k"), Columns: plain("id"), Include: []sources.Shape{deep}},
		{Name: "o", From: "o", One: true, On: on("id", "one_id"), Columns: plain("id"), Where: "true", Include: []sources.Shape{{Name: "cs", From: "c", Many: true, On: on("one_id", "id"), Values: "at"}}},
		{Name: "t", From: "c", Many: true, On: on("id", "id"), Values: "id", Through: &sources.Through{From: "b", Parent: on("a", "k")}},
	}}
	const oracle = `select k, json_build_object('k', k, 'one_id', one_id,
 'b', (select coalesce(json_agg(json_build_object('id', b.id, 'c', (select coalesce(json_agg(json_build_object('id', c.id) order by c.id), '[]') from c where c.one_id = b.one_id)) order by b::text collate "C"), '[]') from b where b.a = k),
 'o', (select json_build_object('id', o.id, 'cs', (select coalesce(json_agg(c.at order by c.id), '[]') from c where c.one_id = o.id)) from o where o.id = a.one_id),
 't', (select coalesce(json_agg(c.id order by c.id), '[]') from b join c on c.id = b.id where b.a = k)) from a`
	var reads []map[string]sources.Record
	for _, c := range []Config{{Chunks: 3}, {Chunks: 2, PageBytes: 3000}, {PageBytes: 20_000, MaxConnections: 1}} {
		c.Shape = shape
		before := d.scansOf("b") + d.scansOf("c")
		reads = append(reads, d.read(c))
		d.left(t) // a session that has ended has been counted
		scans := d.scansOf("b") + d.scansOf("c") - before
		for began := time.Now(); scans == 0 && time.Since(began) < 30*time.Second; { // the server counts in its own time
			if err := wait.For(t.Context(), 100*time.Millisecond); err != nil {
				t.Fatal(err)
			}
			scans = d.scansOf("b") + d.scansOf("c") - before
		}
		if scans > 60 {
			t.Errorf("chunks %d, pages of %d: the tables were scanned %d times", c.Chunks, c.PageBytes, scans)
		} else if scans == 0 {
			t.Error("no scan was counted, so the test shows nothing")
		}
	}
	s := d.source(Config{Shape: shape, PageBytes: 1000, Chunks: 1})
	defer func() {
		d.Exec("create index on b (a); create index on c (one_id); create index on o (id)") // for the oracle
		for _, got := range reads {
			d.equal(got, oracle)
		}
	}()
	v, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close(t.Context()) }()
	for range 3 { // a session that was left in the middle of its cursors is as good as new
		r, err := v.Read(t.Context(), sources.Partition{ID: "a"}, "")
		if err != nil {
			t.Fatal(err)
		}
		b := sources.Batch{Limit: 1}
		if err := r.Next(t.Context(), &b); err != nil {
			t.Fatal(err)
		}
		_ = r.Close(t.Context())
	}
	open := d.Rows("select pid from pg_stat_activity where state = 'idle in transaction' and application_name = " + session.QuoteLiteral(d.name()))
	if len(open) != 2 {
		t.Errorf("%d sessions besides the one that holds the snapshot were opened, want one", len(open)-1)
	}
}

// scansOf is how often a table was read whole, once the server has counted.
func (d *database) scansOf(table string) int64 {
	d.Exec("select pg_stat_clear_snapshot()")
	return session.ParseInt(d.Rows("select seq_scan from pg_stat_user_tables where relname = " + session.QuoteLiteral(table))[0][0])
}

func TestRights(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, problemSQL, "insert into orders values (1), (2)")
	role := strings.ToLower("r" + d.Rows("select current_database()")[0][0])
	d.Exec("create role " + role + " login password 'secret'; create schema closed; create table closed.t (id int primary key)")
	t.Cleanup(func() { d.dropRole(role) })
	u, err := url.Parse(d.DSN)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword(role, "secret")
	plan := func(shape sources.Shape) (sources.Plan, error) {
		s, err := New(Config{DSN: u.String(), Shape: shape})
		if err != nil {
			t.Fatal(err)
		}
		return s.Plan(t.Context())
	}
	_, err = plan(sources.Shape{From: "orders", Place: "here"})
	contains(t, err, "here: user "+role+" may not read ", `GRANT SELECT ON "public"."orders" TO "`+role+`";`)
	_, err = plan(sources.Shape{From: "closed.t"})
	contains(t, err, "may not use schema closed", `GRANT USAGE ON SCHEMA "closed" TO "`+role+`";`)
	d.Exec("grant select (id) on orders to " + role)
	if _, err = plan(sources.Shape{From: "orders", Columns: plain("id")}); err != nil {
		t.Errorf("the right to one column is enough for it: %v", err)
	}
	_, err = plan(sources.Shape{From: "orders", Columns: plain("id", "note")})
	contains(t, err, "may not read column note of public.orders")
	d.Exec("grant select on orders to " + role + "; alter table orders enable row level security; create policy p on orders using (id = 1)")
	p, err := plan(sources.Shape{From: "orders"})
	if err != nil || p.Rows != 1 {
		t.Fatalf("%d rows, %v", p.Rows, err)
	}
	contains(t, problem.List(p.Warnings), "row-level security applies to user "+role+":", "(on public.orders)", "BYPASSRLS")
}

func (d *database) dropRole(role string) {
	ctx := context.WithoutCancel(d.T.Context()) // the test is over
	c, err := pgconn.Connect(ctx, d.DSN)
	if err != nil {
		d.T.Error(err)
		return
	}
	if _, err := c.Exec(ctx, "drop owned by "+role+"; drop role "+role).ReadAll(); err != nil {
		d.T.Error(err)
	}
	_ = c.Close(ctx)
}

func TestConnect(t *testing.T) {
	t.Parallel()
	d := newDatabase(t)
	u, err := url.Parse(d.DSN)
	if err != nil {
		t.Fatal(err)
	}
	plan := func(dsn string) error {
		s, err := New(Config{DSN: dsn, Shape: sources.Shape{From: "t"}})
		if err != nil {
			t.Fatal(err)
		}
		_, err = s.Plan(t.Context())
		if err != nil && strings.Contains(err.Error(), "hidden") {
			t.Errorf("the password is in %q", err)
		}
		return err
	}
	other := *u
	other.Path = "/nowhere"
	other.User = url.UserPassword(u.User.Username(), "hidden")
	contains(t, plan(other.String()), "database nowhere on ", "does not exist", "there is no database nowhere")
	other = *u
	other.User = url.UserPassword("nobody_at_all", "hidden")
	contains(t, plan(other.String()), "user nobody_at_all", "nobody_at_all")
	other = *u
	other.Host = "127.0.0.1:1"
	contains(t, plan(other.String()), "127.0.0.1:1", "cannot be reached", "listen_addresses")
	contains(t, plan("postgres://u:hidden@host:port/db"), "cannot be read", "postgres://user:password@host:5432/database")
	for _, c := range []Config{{}, {Shape: sources.Shape{From: "t"}, MaxConnections: -1}, {Shape: sources.Shape{From: "t"}, NotFinite: "maybe"}} {
		if _, err := New(c); err == nil {
			t.Errorf("%+v is taken", c)
		}
	}
}
