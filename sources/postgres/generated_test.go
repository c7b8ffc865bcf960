package postgres

import (
	"errors"
	"strings"
	"testing"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
)

const generatedSchema = `
create table country (id int primary key, code text not null unique);
create table shop (id int primary key, raw text, code text generated always as (lower(raw)) stored, live boolean generated always as (raw is not null) stored);
create table keyed (n int not null, key int generated always as (n * 10) stored primary key);
create table item (id int primary key, pack text, shop int generated always as (length(pack)) stored, label text generated always as (upper(pack)) stored);
create table shop_tag (a int, shop int generated always as (a + 1) stored, tag int, primary key (a, tag));
create table tag (id int primary key);
alter table item replica identity full; alter table shop_tag replica identity full;
alter table country replica identity full; insert into country values (1, 'de'), (2, 'fr'); insert into shop values (1, 'DE'), (2, 'FR');`

// The stream leaves generated columns out. What leads from a row to its document cannot be one.
func TestGeneratedColumnsThatAreWatchedAreRefused(t *testing.T) {
	t.Parallel()
	d := connectTo(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres)
	d.Exec(generatedSchema)
	for name, tc := range map[string]struct {
		shape sources.Shape
		want  []string
	}{
		"root key": {sources.Shape{From: "keyed"}, []string{"column key of public.keyed is generated", "from n"}},
		"child's side of a join": {
			include(sources.Shape{From: "shop", Columns: plain("id")}, sources.Shape{From: "item", Many: true, On: on("shop", "id")}),
			[]string{"column shop of public.item is generated", "from pack"},
		},
		"join table": {
			include(sources.Shape{From: "shop", Columns: plain("id")}, sources.Shape{From: "tag", Many: true, On: on("id", "tag"), Through: &sources.Through{From: "shop_tag", Parent: on("shop", "id")}}),
			[]string{"column shop of public.shop_tag is generated", "from a"},
		},
	} {
		s := d.source(Config{Shape: tc.shape})
		_, err := s.Capture(t.Context(), "run-1", "")
		contains(t, err, append(tc.want, "consistency: snapshot")...)
		found, err := s.Preflight(t.Context(), true)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		contains(t, found.Errors(), tc.want...)
	}
}

// A row is marked by its key, so generated columns elsewhere than in it are read again: as fields,
// in a filter, and on the parent's side of a join.
func TestGeneratedColumnsThatAreOnlyRead(t *testing.T) {
	t.Parallel()
	shape := sources.Shape{From: "shop", Where: "live", Columns: plain("id", "code"), Include: []sources.Shape{
		{Name: "land", From: "country", One: true, On: on("code", "code"), Columns: plain("id")},
	}}
	c := capture(t, shape, generatedSchema)
	for _, tc := range []struct{ sql, want string }{
		{"update shop set raw = 'FR' where id = 1", "1"},
		{"update shop set raw = null where id = 2", "2"},
		{"update country set code = 'it' where id = 2", "1"},
	} {
		if got, _ := c.changedIDs(tc.sql); strings.Join(got, " ") != tc.want {
			t.Errorf("%s touches %v, want %s", tc.sql, got, tc.want)
		}
	}
}

// A watched column that a relation's message does not have is a gap, not a row without a mark.
func TestWatchedColumnThatTheStreamLeavesOut(t *testing.T) {
	t.Parallel()
	for name, alter := range map[string]string{
		"becomes generated": "alter table item drop column shop; alter table item add column shop int generated always as (length(pack)) stored",
		"column list":       "alter table item replica identity default; alter publication humpty_run_1 set table shop, item (id, pack)",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			shape := include(sources.Shape{From: "shop", Columns: plain("id")}, sources.Shape{From: "item", Many: true, On: on("shop", "id"), Columns: plain("id")})
			c := capture(t, shape, "create table shop (id int primary key); create table item (id int primary key, pack text, shop int); alter table item replica identity full")
			c.Exec(alter)
			c.Exec("insert into item (id, pack) values (1, 'a')")
			contains(t, c.nextGap(), "public.item", "shop")
		})
	}
}

// nextGap is the gap that the stream ends in, before what is committed now.
func (c *captureTest) nextGap() error {
	c.T.Helper()
	c.Exec("select pg_logical_emit_message(true, 'humpty', 'end')")
	for {
		var m sources.ChangeSet
		err := c.feed.Next(c.T.Context(), &m)
		var gap *sources.ErrChangesLost
		switch {
		case errors.As(err, &gap):
			return err
		case err != nil:
			c.T.Fatal(err)
		case m.Fence == "end":
			c.T.Fatal("the stream went on as if nothing was missing")
		}
	}
}
