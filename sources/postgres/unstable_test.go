package postgres

import (
	"strings"
	"testing"

	"humpty/internal/problem"
	"humpty/internal/testenv/devstack"
	"humpty/sources"
)

const unstableSchema = `
create table a (id int primary key, b int, at timestamptz, d date, doc jsonb, note text);
create table b (id int primary key, name text); create table ab (a int, b int, since date, primary key (a, b));
create function same(x int) returns int language sql immutable as 'select x';
create function looks(x int) returns text language sql stable as 'select name from b where id = x';
create function rolls(x int) returns int language sql as 'select x';
create function less(x int, y int) returns boolean language sql stable as 'select x < y'; create operator <<< (leftarg = int, rightarg = int, function = less);
create sequence s;`

// What an expression or a filter reads besides its row has no change of the row.
func TestExpressionsOverMoreThanTheirRow(t *testing.T) {
	t.Parallel()
	d := connectTo(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres)
	d.Exec(unstableSchema)
	for expression, want := range map[string]string{
		"(select count(*) from b where b.id = a.b)": "reads public.b",
		"(select count(*) from a)":                  "reads other rows of public.a",
		"exists (select from ab where ab.a = id)":   "reads public.ab",
		"now() - at":                          "now()",
		"at < clock_timestamp()":              "clock_timestamp()",
		"d < current_date":                    "the clock or the session",
		"localtimestamp(0)":                   "the clock or the session",
		"age(at)":                             "age(",
		"at > 'now'::timestamptz":             "'now'",
		"d = date 'today'":                    "'today'",
		"random() < 0.5":                      "random()",
		"looks(b)":                            "looks(",
		"rolls(b)":                            "rolls(",
		"b <<< 3":                             "less(",
		"nextval('s')":                        "nextval(",
		"current_setting('app.tenant', true)": "current_setting(",
		"to_tsvector(note)":                   "to_tsvector(",
		"(select max(x.id) from (select id from b union select id from ab, lateral (values (1)) v(id)) x)": "reads public.b",
		"array(select name from b)": "reads public.b",
		"row(b, now())":             "now()",
	} {
		shape := sources.Shape{From: "a", Columns: []sources.Column{{Field: "x", Expr: expression, Place: "humpty.yaml:7:3"}}}
		s := d.source(Config{Shape: shape})
		_, err := s.Capture(t.Context(), "run-1", "")
		contains(t, err, "humpty.yaml:7:3: ", want, "consistency: snapshot")
		p, err := s.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		contains(t, problem.List(p.Warnings), want)
	}
	for _, shape := range []sources.Shape{
		{From: "a", Where: "d <= current_date"},
		include(sources.Shape{From: "a"}, sources.Shape{From: "b", Many: true, On: on("id", "b"), Where: "name > now()::text"}),
		include(sources.Shape{From: "a"}, sources.Shape{From: "b", Many: true, On: on("id", "b"), Columns: []sources.Column{{Field: "n", Expr: "now()"}}}),
		include(sources.Shape{From: "a"}, sources.Shape{From: "b", Many: true, On: on("id", "b"), Through: &sources.Through{From: "ab", Parent: on("a", "id"), Where: "since < now()"}}),
	} {
		s := d.source(Config{Shape: shape})
		found, err := s.Preflight(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, found.Errors(), "the stream of changes does not tell of that")
		_, err = s.Capture(t.Context(), "run-1", "")
		contains(t, err, "the stream of changes does not tell of that")
	}
	p, err := d.source(Config{Shape: sources.Shape{Query: "select id, now() as n from a join b using (id)", ID: []string{"id"}}}).Plan(t.Context())
	if err != nil || len(p.Warnings) != 1 {
		t.Fatalf("query: %v, %v", p.Warnings, err)
	}
	contains(t, problem.List(p.Warnings), "now()")
}

func TestExpressionsOverTheirRowOnly(t *testing.T) {
	t.Parallel()
	d := connectTo(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres)
	d.Exec(unstableSchema)
	for expression, warning := range map[string]string{
		"at::date": "UTC", "to_char(at, 'YYYY-MM-DD')": "UTC", "date_trunc('day', at)": "UTC", "at::text": "", "extract(year from d)": "",
		"jsonb_build_object('a', b, 'n', note)": "", "concat(note, b)": "", "lower(note) || b::text": "", "doc -> 'a' ->> 'b'": "", "b in (1, 2)": "", "row(b, d)": "",
		"note = 'today'": "", "d > '2024-01-01'": "", "(select max(x) from unnest(array[b, id]) x)": "", "at > d": "UTC", "same(b)": "same(",
		"coalesce(note, 'x :funcid 1299')": "", "at + interval '1 day' > '2024-01-01'": "UTC",
	} {
		s := d.source(Config{Shape: sources.Shape{From: "a", Columns: []sources.Column{{Field: "x", Expr: expression}}}})
		found, err := s.Preflight(t.Context(), true)
		if err != nil || len(found.Errors()) > 0 {
			t.Errorf("%s: %v, %v", expression, err, found.Errors())
		}
		p, err := s.Plan(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		text := problem.List(p.Warnings).Error()
		if (warning == "") != (text == "") || !strings.Contains(text, warning) {
			t.Errorf("%s: warnings %q, want %q", expression, text, warning)
		}
	}
}

// Where it cannot be told it is not taken for good.
func TestExpressionsThatCannotBeToldOf(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, unstableSchema)
	guest := d.guest()
	s := guest.source(Config{Shape: sources.Shape{From: "a", Columns: []sources.Column{{Field: "x", Expr: "b + 1"}}}})
	found, err := s.Preflight(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, found.Errors(), "cannot be told", "GRANT TEMPORARY ON DATABASE")
}
