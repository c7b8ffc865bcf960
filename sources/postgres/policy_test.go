package postgres

import (
	"context"
	"errors"
	"net/url"
	"strings"
	"testing"

	"humpty/internal/problem"
	"humpty/internal/testenv/devstack"
	"humpty/sources"
)

const policySchema = `
create role reader login replication password 'secret';
create table note (id int primary key, owner text); insert into note values (1, 'us'), (2, 'them');
create table plain_note (id int primary key, owner text); insert into plain_note values (1, 'us'), (2, 'them');
create view seen with (security_invoker = true) as select * from note;
create view seen_by_owner as select * from note;
create table publisher (id int);
grant select on note, plain_note, seen, seen_by_owner to reader; alter table plain_note owner to reader;
do $$ begin execute 'grant create on database ' || quote_ident(current_database()) || ' to reader'; end $$;
alter table note enable row level security; create policy p on note using (owner = 'us');`

// policyDatabase is a database as its owner sees it, and as a role does whom a policy concerns.
func policyDatabase(t *testing.T) (owner, reader *database) {
	t.Helper()
	owner = connectTo(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres)
	owner.Exec(policySchema)
	u, err := url.Parse(owner.DSN)
	if err != nil {
		t.Fatal(err)
	}
	u.User = url.UserPassword("reader", "secret")
	return owner, connectTo(t, u.String())
}

// A policy is told of wherever it stands. Rows that come and go with it are not in the stream.
func TestPoliciesAreTold(t *testing.T) {
	t.Parallel()
	_, d := policyDatabase(t)
	for name, tc := range map[string]struct {
		shape sources.Shape
		rows  int64
	}{
		"table":                {sources.Shape{From: "note"}, 1},
		"security_invoker":     {sources.Shape{From: "seen", ID: []string{"id"}}, 1},
		"query":                {sources.Shape{Query: "select * from note", ID: []string{"id"}}, 1},
		"expression":           {sources.Shape{From: "plain_note", Columns: []sources.Column{{Field: "n", Expr: "(select count(*) from note)"}}}, 2},
		"where":                {sources.Shape{From: "plain_note", Where: "exists (select from note n where n.id = plain_note.id)"}, 1},
		"view of the owner's":  {sources.Shape{From: "seen_by_owner", ID: []string{"id"}}, 2},
		"include":              {include(sources.Shape{From: "plain_note", Columns: plain("owner")}, sources.Shape{From: "note", One: true, On: on("id", "id")}), 2},
		"view of an include's": {include(sources.Shape{From: "plain_note", Columns: plain("owner")}, sources.Shape{From: "seen", Many: true, On: on("id", "id")}), 2},
	} {
		s := d.source(Config{Shape: tc.shape})
		p, err := s.Plan(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		v, err := s.Open(t.Context())
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		n := 0
		for _, part := range p.Partitions {
			n += len(readPartition(t, v, part, "", 100))
		}
		if err := v.Close(t.Context()); err != nil || int64(n) != tc.rows {
			t.Errorf("%s: %d rows, want %d (%v)", name, n, tc.rows, err)
		}
		if name == "view of the owner's" {
			if len(p.Warnings) > 0 {
				t.Errorf("%s: %v", name, p.Warnings)
			}
			continue
		}
		contains(t, problem.List(p.Warnings), "row-level security applies to user reader", "ALTER ROLE \"reader\" BYPASSRLS;")
		found, err := s.Preflight(t.Context(), true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		contains(t, found.Errors(), "row-level security applies to user reader")
		_, err = s.Capture(t.Context(), "run-1", "")
		contains(t, err, "row-level security applies to user reader")
	}
}

// A policy that comes in the middle is an error: the rows that it hides are not deleted.
func TestPolicyThatComesInTheMiddle(t *testing.T) {
	t.Parallel()
	owner, d := policyDatabase(t)
	c := &captureTest{database: d, source: d.source(Config{Shape: sources.Shape{From: "plain_note"}})}
	var err error
	if c.feed, err = c.source.Capture(t.Context(), "run-1", ""); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.feed.Close(context.WithoutCancel(t.Context())) })
	if _, err = c.source.Plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := c.source.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close(context.WithoutCancel(t.Context())) }()
	owner.Exec("create policy p on plain_note using (owner = 'us'); alter table plain_note force row level security, enable row level security")
	b := &sources.Batch{}
	err = v.(sources.Expander).Lookup(t.Context(), [][]byte{[]byte("1"), []byte("2")}, b)
	contains(t, err, "row-level security", "plain_note", "ALTER ROLE \"reader\" BYPASSRLS;")
	_, err = c.source.Open(t.Context())
	contains(t, err, "row-level security")
}

// The publication is not as it was made: what it filters out is missing in the stream.
func TestPublicationThatFilters(t *testing.T) {
	t.Parallel()
	for name, tc := range map[string]struct{ alter, back string }{
		"where":       {"alter publication humpty_run_1 set table t where (id > 5)", ""},
		"column list": {"alter publication humpty_run_1 set table t (id)", ""},
		"where, put back": {
			"alter publication humpty_run_1 set table t where (id > 5)",
			"alter publication humpty_run_1 set table t",
		},
		"inserts only, put back": {
			"alter publication humpty_run_1 set (publish = 'insert')",
			"alter publication humpty_run_1 set (publish = 'insert, update, delete, truncate')",
		},
		"taken out, put back": {
			"alter publication humpty_run_1 add table other; alter publication humpty_run_1 drop table t",
			"alter publication humpty_run_1 add table t",
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := capture(t, sources.Shape{From: "t"}, "create table t (id int primary key, v text); create table other (id int primary key); insert into t values (1, 'a')")
			_, before := c.changedIDs("update t set v = 'b'")
			if _, err := c.feed.Fence(t.Context()); err != nil {
				t.Fatal(err)
			}
			c.Exec(tc.alter)
			c.Exec("update t set v = 'c'")
			if tc.back != "" {
				c.Exec(tc.back)
			}
			var gap *sources.ErrChangesLost
			if _, err := c.feed.Fence(t.Context()); !errors.As(err, &gap) || !strings.Contains(err.Error(), "publication") {
				t.Errorf("fence: %v", err)
			}
			if err := c.feed.Close(t.Context()); err != nil {
				t.Fatal(err)
			}
			if _, err := c.source.Capture(t.Context(), "run-1", before.Position); !errors.As(err, &gap) || !strings.Contains(err.Error(), "publication") {
				t.Errorf("resumed: %v", err)
			}
		})
	}
}
