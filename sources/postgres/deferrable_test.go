package postgres

import (
	"strings"
	"testing"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
)

// A deferrable primary key is one to read by: what is committed has each key once. It is no replica
// identity, so with live it is refused, and the remedy works as it is typed.
func TestDeferrablePrimaryKey(t *testing.T) {
	t.Parallel()
	d := connectTo(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres)
	d.Exec(`create table r (id int primary key deferrable initially deferred, v text); create table c (r int not null, n int, primary key (r, n) deferrable);
insert into r values (1, 'a'); insert into c values (1, 1), (1, 2)`)
	shape := sources.Shape{From: "r", Include: []sources.Shape{{Name: "cs", From: "c", Many: true, Values: "n", On: on("r", "id")}}}
	d.equal(d.read(Config{Shape: shape}), `select 1, '{"id":1,"v":"a","cs":[1,2]}'`)
	s := d.source(Config{Shape: shape})
	found, err := s.Preflight(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, found.Errors(), "the primary key of public.r is deferrable", "the primary key of public.c is deferrable")
	if _, err = s.Capture(t.Context(), "run-1", ""); err == nil {
		t.Fatal("captured")
	}
	for _, p := range found.Errors() {
		for _, statement := range strings.Split(p.Remedy, "\n") {
			d.Exec(statement)
		}
	}
	stream, err := s.Capture(t.Context(), "run-1", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := stream.Close(t.Context()); err != nil {
		t.Error(err)
	}
	d.Exec("update r set v = 'b'; update c set n = 3 where n = 2") // the application's own
}

// What is not in the log is not in the stream.
func TestUnloggedTablesAreRefused(t *testing.T) {
	t.Parallel()
	d := connectTo(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres)
	d.Exec(`create unlogged table u (id int primary key); create table p (id int primary key) partition by range (id);
create unlogged table p1 partition of p for values from (0) to (10); create table p2 partition of p for values from (10) to (20)`)
	for table, leaf := range map[string]string{"u": "public.u", "p": "public.p1"} {
		s := d.source(Config{Shape: sources.Shape{From: table}})
		found, err := s.Preflight(t.Context(), true)
		if err != nil {
			t.Fatal(err)
		}
		contains(t, found.Errors(), "table "+leaf+" is unlogged", "ALTER TABLE "+leaf+" SET LOGGED;")
		_, err = s.Capture(t.Context(), "run-1", "")
		contains(t, err, "table "+leaf+" is unlogged")
		d.Exec("ALTER TABLE " + leaf + " SET LOGGED;")
		stream, err := s.Capture(t.Context(), "run-"+table, "")
		if err != nil {
			t.Fatal(err)
		}
		if err := stream.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
}
