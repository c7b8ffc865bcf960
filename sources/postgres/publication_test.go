package postgres

import (
	"context"
	"errors"
	"regexp"
	"strings"
	"testing"

	"humpty/internal/problem"
	"humpty/internal/testenv/devstack"
	"humpty/sources"
)

const publishedSchema = `
create schema shop;
create table shop.orders (id int primary key, customer int, note text);
create table shop.customer (id int primary key, name text);
create table shop.part (id int, note text, primary key (id)) partition by range (id);
create table shop.part_1 partition of shop.part for values from (0) to (100);
create table shop.part_2 partition of shop.part for values from (100) to (200);
create table shop.unrelated (id int primary key);
create index on shop.orders (customer);
insert into shop.customer values (1, 'Ann'); insert into shop.orders values (1, 1, 'x'); insert into shop.part values (1, 'p'), (101, 'q');
create role reader login replication password 'secret';
grant usage on schema shop to reader; grant select on all tables in schema shop to reader;
revoke create on schema public from public;`

// published is a source of a role that may read and replicate only, and its owner's connection.
type published struct {
	admin, reader *database
}

func newPublished(t *testing.T, sql ...string) *published {
	t.Helper()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	p := &published{admin: connectTo(t, stack.Addresses().Postgres)}
	for _, s := range append([]string{publishedSchema}, sql...) {
		p.admin.Exec(s)
	}
	p.reader = connectTo(t, strings.Replace(stack.Addresses().Postgres, "postgres@", "reader:secret@", 1))
	return p
}

func ordersShape() sources.Shape {
	return sources.Shape{From: "shop.orders", Place: "humpty.yaml:9:9", Include: []sources.Shape{{Name: "buyer", From: "shop.customer", On: on("id", "customer"), One: true}}}
}

func (p *published) source(shape sources.Shape, publication string) *Source {
	return p.reader.source(Config{Shape: shape, Changes: Changes{Publication: publication}})
}

// errorsOf is what check says is wrong.
func errorsOf(t *testing.T, s *Source) problem.List {
	t.Helper()
	found, err := s.Preflight(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	return found.Errors()
}

// A publication that another made is read by, in each of its forms, by a role that may do no more than
// read and replicate; nothing but a slot is made, and that is dropped.
func TestGivenPublication(t *testing.T) {
	t.Parallel()
	p := newPublished(t, "alter role reader set default_transaction_read_only = on")
	parts := sources.Shape{From: "shop.part"}
	for name, tc := range map[string]struct {
		publication, create, change string
		shape                       sources.Shape
	}{
		"tables":            {"p1", "for table shop.orders, shop.customer, shop.unrelated", "update shop.orders set note = 'y'", ordersShape()},
		"all tables":        {"p2", "for all tables", "update shop.customer set name = 'Bob'", ordersShape()},
		"tables in schema":  {"p3", "for tables in schema shop", "update shop.orders set note = 'z'", ordersShape()},
		"schema and table":  {"p4", "for tables in schema public, table shop.orders, shop.customer", "update shop.orders set note = 'a'", ordersShape()},
		"root":              {"p5", "for table shop.part", "truncate shop.part_2", parts},
		"partitions":        {"p6", "for table shop.part_1, shop.part_2", "update shop.part set note = 'b' where id = 1", parts},
		"a name of its own": {`It's "one", two`, "for table shop.orders, shop.customer", "update shop.orders set note = 'c'", ordersShape()},
	} {
		quoted := `"` + strings.ReplaceAll(tc.publication, `"`, `""`) + `"`
		p.admin.Exec("create publication " + quoted + " " + tc.create)
		s := p.source(tc.shape, tc.publication)
		if found := errorsOf(t, s); len(found) > 0 {
			t.Errorf("%s: %v", name, found)
			continue
		}
		stream, err := s.Capture(t.Context(), "run-1", "")
		if err != nil {
			t.Errorf("%s: %v", name, err)
			continue
		}
		p.admin.Exec(tc.change)
		var set sources.ChangeSet
		if err := stream.Next(t.Context(), &set); err != nil || len(set.Keys) == 0 {
			t.Errorf("%s: %+v %v", name, set, err)
		}
		_, fenced := stream.Fence(t.Context())
		_, _, lag := stream.Lag(t.Context())
		if err := errors.Join(fenced, lag, stream.Close(t.Context())); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if stream, err = s.Capture(t.Context(), "run-1", set.Position); err == nil {
			err = stream.Close(t.Context())
		}
		if err != nil {
			t.Errorf("%s: resumed: %v", name, err)
		}
		if held, err := s.Captures(t.Context()); err != nil || len(held) != 1 || held[0].Publication || !held[0].Slot {
			t.Errorf("%s: captures are %+v, %v", name, held, err)
		}
		if err := s.Release(t.Context(), "run-1"); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		left := p.admin.Rows("select slot_name::text from pg_replication_slots union all select pubname from pg_publication")
		if len(left) != 1 || left[0][0] != tc.publication {
			t.Errorf("%s: there is %v, want the publication alone", name, left)
		}
		p.admin.Exec("drop publication " + quoted)
	}
}

// What a publication lacks is said by check, and by the run before it makes anything, each with the
// statement that puts it right.
func TestGivenPublicationThatLacks(t *testing.T) {
	t.Parallel()
	p := newPublished(t)
	parts := sources.Shape{From: "shop.part"}
	for name, tc := range map[string]struct {
		create, says string
		shape        sources.Shape
	}{
		"none":            {"", "there is no publication by_owner", ordersShape()},
		"tables":          {"create publication by_owner for table shop.customer", "publication by_owner does not publish shop.orders", ordersShape()},
		"nothing":         {"create publication by_owner", "does not publish shop.orders, shop.customer", ordersShape()},
		"another schema":  {"create publication by_owner for tables in schema public", "does not publish shop.orders, shop.customer", ordersShape()},
		"row filter":      {"create publication by_owner for table shop.customer, shop.orders where (id > 5)", "a row filter or a column list for table shop.orders", ordersShape()},
		"column list":     {"create publication by_owner for table shop.customer, shop.orders (id)", "a row filter or a column list for table shop.orders", ordersShape()},
		"operations":      {"create publication by_owner for all tables with (publish = 'insert, update, delete')", "does not publish every operation", ordersShape()},
		"roots":           {"create publication by_owner for table shop.part with (publish_via_partition_root = true)", "a TRUNCATE of one partition would be missed", parts},
		"one partition":   {"create publication by_owner for table shop.part_1", `does not publish "shop"."part"`, parts},
		"several at once": {"create publication by_owner for table shop.customer where (id > 5) with (publish = 'insert')", "does not publish every operation", ordersShape()},
	} {
		if tc.create != "" {
			p.admin.Exec(tc.create)
		}
		s := p.source(tc.shape, "by_owner")
		found := errorsOf(t, s)
		if len(found) == 0 || !strings.Contains(found.Error(), tc.says) {
			t.Errorf("%s: check says %v", name, found)
		}
		_, err := s.Capture(t.Context(), "run-1", "")
		var refused problem.List
		if !errors.As(err, &refused) || !strings.Contains(refused.Error(), tc.says) {
			t.Errorf("%s: the run says %v", name, err)
		}
		if slots := p.admin.Rows("select slot_name from pg_replication_slots"); len(slots) > 0 {
			t.Errorf("%s: slots %v", name, slots)
		}
		for _, one := range found {
			p.admin.Exec(one.Remedy)
		}
		if found := errorsOf(t, s); len(found) > 0 {
			t.Errorf("%s: with its remedies check says %v", name, found)
		}
		p.admin.Exec("drop publication by_owner")
	}
}

// A publication that is altered in the middle is a gap, also when it was put back; what its owner is
// told to type lets another capture begin.
func TestGivenPublicationIsAltered(t *testing.T) {
	t.Parallel()
	p := newPublished(t)
	const tables, schema = "create publication by_owner for table shop.orders, shop.customer", "create publication by_owner for tables in schema shop"
	for name, tc := range map[string]struct{ create, alter, back string }{
		"dropped":                {tables, "drop publication by_owner", ""},
		"dropped and made again": {tables, "drop publication by_owner", tables},
		"all tables made again":  {"create publication by_owner for all tables", "drop publication by_owner", "create publication by_owner for all tables"},
		"table out and in":       {tables, "alter publication by_owner drop table shop.orders", "alter publication by_owner add table shop.orders"},
		"schema out":             {schema, "alter publication by_owner drop tables in schema shop", ""},
		"schema out and in":      {schema, "alter publication by_owner drop tables in schema shop", "alter publication by_owner add tables in schema shop"},
		"row filter and back":    {tables, "alter publication by_owner set table shop.customer, shop.orders where (id > 5)", "alter publication by_owner set " + "table shop.customer, shop.orders"},
		"column list":            {tables, "alter publication by_owner set table shop.customer, shop.orders (id)", ""},
		"fewer operations":       {tables, "alter publication by_owner set (publish = 'insert')", ""},
		"operations and back":    {schema, "alter publication by_owner set (publish = 'insert')", "alter publication by_owner set (publish = 'insert, update, delete, truncate')"},
		"by root":                {tables, "alter publication by_owner set (publish_via_partition_root = true)", ""},
		"renamed":                {tables, "alter publication by_owner rename to another", ""},
		"table out":              {tables, "alter publication by_owner set table shop.customer", ""},
	} {
		t.Run(name, func(t *testing.T) {
			p.admin.Exec(tc.create)
			s := p.source(ordersShape(), "by_owner")
			stream, err := s.Capture(t.Context(), "run-1", "")
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = stream.Close(context.WithoutCancel(t.Context())) }()
			var set sources.ChangeSet
			p.admin.Exec("update shop.orders set note = 'before'")
			if err := stream.Next(t.Context(), &set); err != nil {
				t.Fatal(err)
			}
			p.admin.Exec(tc.alter)
			p.admin.Exec("update shop.orders set note = 'after'")
			if tc.back != "" {
				p.admin.Exec(tc.back)
			}
			var gap *sources.ErrChangesLost
			if _, err := stream.Fence(t.Context()); !errors.As(err, &gap) || !strings.Contains(err.Error(), "publication") {
				t.Errorf("fence: %v", err)
			}
			if _, _, err := stream.Lag(t.Context()); !errors.As(err, &gap) {
				t.Errorf("lag: %v", err)
			}
			if err := stream.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err = s.Capture(t.Context(), "run-1", set.Position); !errors.As(err, &gap) {
				t.Fatalf("resumed: %v", err)
			}
			for _, statement := range regexp.MustCompile(`(?:ALTER|CREATE) PUBLICATION [^;]+;`).FindAllString(gap.Why, -1) {
				p.admin.Exec(statement)
			}
			if stream, err = s.Capture(t.Context(), "run-2", ""); err != nil {
				t.Fatalf("with its remedy another capture begins: %v", err)
			}
			if err := errors.Join(stream.Close(t.Context()), s.Release(t.Context(), "run-1"), s.Release(t.Context(), "run-2")); err != nil {
				t.Fatal(err)
			}
			p.admin.Exec("drop publication if exists by_owner, another")
		})
	}
}

// The stream may come by a publication that is gone before a fence does: that is a gap too.
func TestStreamWithoutItsPublication(t *testing.T) {
	t.Parallel()
	p := newPublished(t, "create publication by_owner for table shop.orders, shop.customer")
	stream, err := p.source(ordersShape(), "by_owner").Capture(t.Context(), "run-1", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close(context.WithoutCancel(t.Context())) }()
	p.admin.Exec("drop publication by_owner")
	p.admin.Exec("update shop.orders set note = 'after'")
	var gap *sources.ErrChangesLost
	if err := stream.Next(t.Context(), &sources.ChangeSet{}); !errors.As(err, &gap) || !strings.Contains(err.Error(), `"by_owner"`) {
		t.Errorf("%v", err)
	}
}

// Other tables come and go in a publication that several projections read by.
func TestOtherTablesOfAGivenPublication(t *testing.T) {
	t.Parallel()
	p := newPublished(t, "create publication by_owner for table shop.orders, shop.customer")
	stream, err := p.source(ordersShape(), "by_owner").Capture(t.Context(), "run-1", "")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = stream.Close(context.WithoutCancel(t.Context())) }()
	p.admin.Exec("alter publication by_owner add table shop.part, shop.unrelated where (id > 1)")
	if _, err := stream.Fence(t.Context()); err != nil {
		t.Error(err)
	}
	p.admin.Exec("alter publication by_owner drop table shop.unrelated")
	if _, err := stream.Fence(t.Context()); err != nil {
		t.Error(err)
	}
}

// A role that does not own the tables is told what their owner can do: publish them. It is never told to be
// made a member of a role, whose every right it would have.
func TestTablesOfOthers(t *testing.T) {
	t.Parallel()
	p := newPublished(t, "alter role reader noreplication", `do $$ declare f text; begin
  for f in select oid::regprocedure from pg_proc where proname = 'pg_logical_emit_message' loop execute 'revoke execute on function ' || f || ' from public'; end loop; end $$`)
	s := p.source(ordersShape(), "")
	found := errorsOf(t, s)
	contains(t, found, "user reader may not publish shop.orders, shop.customer", "ALTER ROLE reader REPLICATION;", "GRANT EXECUTE ON FUNCTION pg_logical_emit_message(",
		"publication: for_humpty")
	log := p.reader.flushLogOf(t, Config{Shape: sources.Shape{From: "shop.orders"}})
	refused := log.Flush(t.Context()) // a snapshot does so too
	contains(t, refused, "permission denied for function pg_logical_emit_message", "GRANT EXECUTE ON FUNCTION pg_logical_emit_message(", " TO reader;")
	p.admin.Exec(regexp.MustCompile(`GRANT EXECUTE.*;`).FindString(refused.Error()))
	if err := log.Flush(t.Context()); err != nil {
		t.Error(err)
	}
	statement := regexp.MustCompile(`(?m)(ALTER ROLE|GRANT [A-Z]+ ON|CREATE PUBLICATION|ALTER PUBLICATION).*;`)
	for _, one := range statement.FindAllString(found.Error(), -1) {
		p.admin.Exec(one)
	}
	if regexp.MustCompile(`(?i)GRANT \w+ TO|GRANT "`).MatchString(found.Error()) {
		t.Errorf("a membership is advised: %v", found)
	}
	contains(t, errorsOf(t, s), "publication: for_humpty")
	if again := errorsOf(t, s).Error(); strings.Contains(again, "CREATE") {
		t.Errorf("it is made already: %s", again)
	}
	if found := errorsOf(t, p.source(ordersShape(), "for_humpty")); len(found) > 0 {
		t.Errorf("with all remedies: %v", found)
	}
	// Another projection of the same source: what is there is added to.
	contains(t, errorsOf(t, p.source(sources.Shape{From: "shop.part"}, "")), `ALTER PUBLICATION "for_humpty" ADD TABLE "shop"."part";`)
}

// A transaction of another role is named, though since when it is open is not shown to a role that may
// only read: what is unknown is not nothing.
func TestOpenTransactionsOfOthers(t *testing.T) {
	t.Parallel()
	p := newPublished(t, "create publication by_owner for all tables")
	p.admin.Exec("begin; insert into shop.unrelated values (1)")
	found, err := p.source(ordersShape(), "by_owner").Preflight(t.Context(), true)
	if err != nil {
		t.Fatal(err)
	}
	contains(t, found.Warnings(), "user postgres", "is open, since when is shown to", "a live run cannot begin before it ends")
}
