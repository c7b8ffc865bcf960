package postgres

import (
	"errors"
	"strings"
	"testing"

	"humpty/internal/problem"
	"humpty/internal/testenv/devstack"
	"humpty/sources"
)

const uncaptured = `create table a (id int primary key, b_id int, note text); create table b (id int primary key, name text);
create index on a (b_id);
insert into a select i, i, 'note ' || i from generate_series(1, 3) i; insert into b select id, 'name ' || id from a;
create view view_a as select * from a; create materialized view mat_a as select * from a; create view view_b as select * from b;
create extension file_fdw; create server files foreign data wrapper file_fdw;
create foreign table foreign_a (id int, note text) server files options (program 'echo 1,a', format 'csv');
create table parts (id int, note text) partition by range (id);
create table parts_here partition of parts for values from (0) to (10);
create foreign table parts_there partition of parts for values from (10) to (20) server files options (program 'echo 11,a', format 'csv');
insert into parts values (1, 'here');
create domain known as regrole; create type pointer as (id int, of regtype);
create table named (id int primary key, note regclass, owner known, types pointer[], plain oid);
insert into named values (1, 'a', current_user::regrole, array[row(1, 'int')::pointer], 1)`

// TestWhatCannotBeCapturedIsRefused: of what is no table, nothing is in the stream. check and
// the run say so, with the place and what to do, and make nothing; a snapshot reads it.
func TestWhatCannotBeCapturedIsRefused(t *testing.T) {
	t.Parallel()
	d := connectTo(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres)
	d.Exec(uncaptured)
	include := func(b sources.Shape) sources.Shape {
		b.Name, b.One, b.On, b.Columns, b.Place = "b", true, on("id", "b_id"), plain("name"), "humpty.yaml:20:9"
		return sources.Shape{From: "a", Columns: plain("id"), Include: []sources.Shape{b}}
	}
	root := func(s sources.Shape) sources.Shape {
		s.ID, s.Columns, s.Place = []string{"id"}, plain("id", "note"), "humpty.yaml:20:9"
		return s
	}
	renamed := func(column string) sources.Shape {
		s := root(sources.Shape{From: "named"})
		s.Columns = plain("id", column)
		return s
	}
	parts := include(sources.Shape{From: "parts"})
	parts.Include[0].One, parts.Include[0].Many, parts.Include[0].Columns = false, true, plain("note")
	for what, c := range map[string]struct {
		shape  sources.Shape
		says   string
		remedy string
	}{
		"view":                        {root(sources.Shape{From: "view_a"}), "changes of public.view_a cannot be captured: it is no table", "name the tables with from:"},
		"materialized view":           {root(sources.Shape{From: "mat_a"}), "changes of public.mat_a cannot be captured: it is no table", "name the tables with from:"},
		"foreign table":               {root(sources.Shape{From: "foreign_a"}), "changes of public.foreign_a cannot be captured: it is no table", "consistency: snapshot"},
		"partition that is foreign":   {parts, "its partition public.parts_there is a foreign table", "detach it"},
		"query":                       {root(sources.Shape{Query: "select id, note from a"}), "changes of the query cannot be captured: it is no table", "name the tables with from:"},
		"name of a table":             {root(sources.Shape{From: "named"}), "note is of type regclass", "leave it out"},
		"name of a role, by a domain": {renamed("owner"), "owner is of type known", "a cast to oid"},
		"names within values":         {renamed("types"), "types is of type pointer[]", "consistency: snapshot"},
		"view in an include":          {include(sources.Shape{From: "view_b"}), "changes of public.view_b cannot be captured: it is no table", "name the tables with from:"},
		"query in an include":         {include(sources.Shape{Query: "select id, name from b"}), "changes of the query of b cannot be captured: it is no table", "name the tables with from:"},
		"foreign table in an include": {include(sources.Shape{Query: "select id, note as name from foreign_a"}), "cannot be captured: it is no table", "name the tables with from:"},
	} {
		s := d.source(Config{Shape: c.shape})
		found, err := s.Preflight(t.Context(), true)
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		_, captured := s.Capture(t.Context(), "run-1", "")
		var refused problem.List
		if !errors.As(captured, &refused) {
			t.Errorf("%s: capture: %v", what, captured)
		}
		for who, problems := range map[string]problem.List{"check": found, "run": refused} {
			text := problems.Errors().Error()
			if !strings.Contains(text, c.says) || !strings.Contains(text, c.remedy) || !strings.Contains(text, "humpty.yaml:20:9") {
				t.Errorf("%s: %s says %s", what, who, text)
			}
		}
		if got := d.read(Config{Shape: c.shape}); len(got) == 0 {
			t.Errorf("%s: a snapshot reads nothing", what)
		}
	}
	if left := d.Rows("select slot_name from pg_replication_slots union all select pubname from pg_publication"); len(left) > 0 {
		t.Errorf("left: %v", left)
	}
}
