package postgres

import (
	"errors"
	"strings"
	"testing"

	"humpty/sources"
)

// A change says values as its type writes them, an id has them as a cast to text does, and
// the condition of an include compares them as its own types do.
func TestChangesFindIDsWhoseTextIsAnother(t *testing.T) {
	t.Parallel()
	on := func(names ...string) (pairs []sources.Join) {
		for _, n := range names {
			pairs = append(pairs, sources.Join{Child: n, Parent: n})
		}
		return pairs
	}
	c := capture(t, sources.Shape{From: "t", Columns: plain("v"), Include: []sources.Shape{
		{Name: "lines", From: "line", On: on("c", "i", "b"), Many: true, Values: "n"},
		{Name: "tagged", From: "tagged", On: on("tags"), Many: true, Values: "n"},
		{Name: "wide", From: "wide", On: on("w", "x"), Many: true, Values: "n"},
	}}, `
create table t (c char(5), i inet, b bool, tags int[], w int2, x text, v int, primary key (c, i, b));
create table line (c char(5), i inet, b bool, n int, primary key (c, i, b, n));
create table tagged (tags int[], n int, primary key (tags, n));
create table wide (w int8, x char(3), n int, primary key (w, x, n));
insert into t values ('a', '10.0.0.1', true, '{1,2}', 7, 'q', 1), ('b', '::1', false, '{3}', 8, 'r', 1);
insert into line select c, i, b, 1 from t; insert into tagged select tags, 1 from t; insert into wide select w, x, 1 from t`)
	const first, second = `a:10.0.0.1/32:true`, `b:\:\:1/128:false`
	for _, tc := range []struct{ sql, want string }{
		{"update t set v = 2 where c = 'a'", first},
		{"update t set v = 2 where c = 'b'", second},
		{"update line set n = 2", first + " " + second},
		{"update tagged set n = 2", first + " " + second},
		{"update wide set n = 2 where w = 7", first},
		{"insert into wide values (5000000000, 'q', 1)", ""}, // more than its parents can have
		{"truncate tagged", first + " " + second},
		{"delete from t where c = 'a'", first},
	} {
		got, _ := c.changedIDs(tc.sql)
		if strings.Join(got, " ") != tc.want {
			t.Errorf("%s\n touches %q, want %q", tc.sql, got, tc.want)
		}
	}
	var b sources.Batch
	if err := c.view.Lookup(t.Context(), [][]byte{[]byte(first), []byte(second)}, &b); err != nil || len(b.Records) != 2 || !b.Records[0].Deleted || b.Records[1].Deleted {
		t.Errorf("%v, %+v", err, b.Records)
	}
}

// A table is read by its name: another one of that name is not what is captured.
func TestFenceFindsATableInAnothersPlace(t *testing.T) {
	t.Parallel()
	c := capture(t, sources.Shape{From: "t", Columns: plain("v")}, "create table t (id int primary key, v int)")
	if _, err := c.feed.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	c.Exec("alter table t rename to t_old; create table t (id int primary key, v int); insert into t values (1, 1)")
	var gap *sources.ErrChangesLost
	if _, err := c.feed.Fence(t.Context()); !errors.As(err, &gap) || !strings.Contains(err.Error(), "renamed") {
		t.Errorf("error %v", err)
	}
}

// Rows of heirs are read, but do not come with the table's changes; and what a change says of
// such a type is not what its id is.
func TestCaptureRefusesWhatWouldNotCome(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `create table t (id int primary key, v int); create table u (primary key (id)) inherits (t);
create type odd as (a int); create function odd_text(odd) returns text language sql immutable as 'select ''odd''';
create cast (odd as text) with function odd_text(odd); create table o (id odd primary key, v int)`)
	for table, want := range map[string]string{"t": "inherit from it", "o": "cast to text by a function"} {
		_, err := d.source(Config{Shape: sources.Shape{From: table, Columns: plain("v")}}).Capture(t.Context(), "x", "")
		contains(t, err, want, "consistency: snapshot")
	}
}

// Somebody takes a table out of the publication: its changes do not come any more.
func TestFenceFindsAnAlteredPublication(t *testing.T) {
	t.Parallel()
	c := capture(t, liveShape(), liveSchema)
	_, first := c.changedIDs("update orders set note = '1' where id = 1")
	c.Exec("alter publication humpty_run_1 drop table line")
	var gap *sources.ErrChangesLost
	if _, err := c.feed.Fence(t.Context()); !errors.As(err, &gap) || !strings.Contains(err.Error(), "publication") {
		t.Errorf("fence: %v", err)
	}
	if err := c.feed.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	if _, err := c.source.Capture(t.Context(), "run-1", first.Position); !errors.As(err, &gap) || !strings.Contains(err.Error(), "does not publish public.line") {
		t.Errorf("go on: %v", err)
	}
	// The server was put back to a copy of before the position.
	_, origin, _ := strings.Cut(string(first.Position), " ")
	if _, err := c.source.Capture(t.Context(), "run-1", sources.Position("FF/0 "+origin)); !errors.As(err, &gap) || !strings.Contains(err.Error(), "older copy") {
		t.Errorf("ahead: %v", err)
	}
}
