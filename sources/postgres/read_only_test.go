package postgres

import (
	"net/url"
	"strings"
	"testing"

	"humpty/sources"
	"humpty/sources/postgres/session"
)

const gentleSQL = `
create table place (id int primary key, name text); insert into place select i, 'p' || i from generate_series(1, 50) i;
create table city (mayor text, primary key (id)) inherits (place); insert into city select i, 'c' || i, 'm' from generate_series(51, 400) i;
create table capital (primary key (id)) inherits (city); insert into capital select i, 'k' || i, 'm' from generate_series(401, 600) i;
create table visit (place_id int, no int, primary key (place_id, no)) partition by hash (place_id);
create table visit_0 partition of visit for values with (modulus 2, remainder 0);
create table visit_1 partition of visit for values with (modulus 2, remainder 1);
insert into visit select i, n from generate_series(1, 600) i, generate_series(1, 3) n where n <= i % 4;
create view busy as select id, name, count(no) as visits from place left join visit on place_id = id group by id, name;
create table secret (id int primary key, owner text); insert into secret select i, case when i % 3 = 0 then 'us' else 'them' end from generate_series(1, 300) i;
alter table secret enable row level security; create policy p on secret using (owner = 'us'); analyze;`

// guest is a role that may read and nothing else, not even make a temporary table.
func (d *database) guest() *database {
	d.T.Helper()
	name := d.Rows("select current_database()")[0][0]
	role := strings.ToLower("g" + name)
	d.Exec("create role " + role + " login password 'secret'; grant usage on schema public to " + role + "; grant select on all tables in schema public to " + role +
		"; alter role " + role + " set default_transaction_read_only = on; revoke temp on database " + session.QuoteIdent(name) + " from public; revoke create on schema public from public")
	d.T.Cleanup(func() { d.dropRole(role) })
	u, err := url.Parse(d.DSN)
	if err != nil {
		d.T.Fatal(err)
	}
	u.User = url.UserPassword(role, "secret")
	return connectTo(d.T, u.String())
}

// TestNothingIsMade reads with every way to find rows, as a role that can make nothing,
// through inheritance, partitions, a view and row security.
func TestNothingIsMade(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, gentleSQL)
	const made = "select count(*), max(oid) from pg_class"
	before := d.Rows(made)[0]
	guest := d.guest()
	visits := sources.Shape{Name: "visits", From: "visit", Many: true, Values: "no", On: on("place_id", "id")}
	for name, c := range map[string]struct {
		shape  sources.Shape
		oracle string
	}{
		"inherited, partitioned": {
			sources.Shape{From: "place", Include: []sources.Shape{visits}},
			`select id, json_build_object('id', id, 'name', name, 'visits', coalesce((select json_agg(no order by no) from visit where place_id = id), '[]')) from place`,
		},
		"inherited one": {
			sources.Shape{From: "visit", Columns: plain("no"), Include: []sources.Shape{{Name: "place", From: "place", One: true, On: on("id", "place_id"), Columns: plain("name")}}},
			`select place_id || ':' || no, json_build_object('no', no, 'place', json_build_object('name', name)) from visit join place on place_id = id`,
		},
		"a view": {
			sources.Shape{From: "busy", ID: []string{"id"}},
			`select id, to_json(b) from busy b`,
		},
		"a query over a view": {
			sources.Shape{Query: "select id, visits from busy where visits > 0", ID: []string{"id"}, Include: []sources.Shape{visits}},
			`select id, json_build_object('id', id, 'visits', coalesce((select json_agg(no order by no) from visit where place_id = id), '[]')) from busy where visits > 0`,
		},
		"row security": {
			sources.Shape{From: "secret"},
			`select id, to_json(s) from secret s where owner = 'us'`,
		},
	} {
		if strings.Contains(name, "query over a view") {
			c.shape.Columns = plain("id") // the field visits is the include's
		}
		for _, cfg := range []Config{{Chunks: 4}, {MaxConnections: 1, Memory: 1, PageBytes: 500}} {
			cfg.Shape = c.shape
			got := guest.read(cfg)
			d.equal(got, c.oracle)
			guest.lookUpAll(cfg, got)
			if t.Failed() {
				t.Fatalf("%s, %+v", name, cfg)
			}
		}
	}
	if left := guest.left(t); len(left) > 0 {
		t.Errorf("sessions left: %q", left)
	}
	if after := d.Rows(made)[0]; after[0] != before[0] || after[1] != before[1] {
		t.Errorf("there were %q relations, there are %q", before, after)
	}
}

// TestHeirs: a unique index of a table does not cover the tables that inherit from it.
func TestHeirs(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, gentleSQL)
	plan, err := d.source(Config{Shape: sources.Shape{From: "place"}}).Plan(t.Context())
	if err != nil || plan.Rows != 600 {
		t.Errorf("%d rows, %v, want 600", plan.Rows, err)
	}
	d.Exec("insert into capital values (30, 'twice', 'm')")
	_, v := openView(t, d, Config{Shape: sources.Shape{From: "place"}})
	r, err := v.Read(t.Context(), sources.Partition{ID: "p"}, "")
	for err == nil {
		err = r.Next(t.Context(), &sources.Batch{Limit: 1})
	}
	contains(t, err, `public.place: the key ["30"] comes twice`)
}
