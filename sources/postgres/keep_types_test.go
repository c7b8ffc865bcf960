package postgres

import (
	"strings"
	"testing"

	"humpty/sources"
)

// A small `one` is held in memory where a snapshot is read, and looked up while changes are captured:
// the parent's side of its condition is selected in another form there, which is no change of the
// table.
func TestSmallOneByEveryTypeOfKey(t *testing.T) {
	t.Parallel()
	for typ, value := range map[string]string{
		"date": "2024-02-29", "timestamptz": "2024-02-29 12:00+00", "timestamp": "2024-02-29 12:00", "time": "12:00", "timetz": "12:00+02", "interval": "1 day",
		"int": "1", "bigint": "1", "smallint": "1", "numeric": "1.50", "float8": "1.5", "real": "1.5", "oid": "1", "boolean": "t",
		"text": "a", "varchar": "a", "char(3)": "a", "name": "a", "uuid": "7f1f0a5e-0000-4000-8000-000000000001", "bytea": `\x00ff`,
		"inet": "10.0.0.1", "cidr": "10.0.0.0/8", "macaddr": "08:00:2b:01:02:03", "money": "1.00", "bit(3)": "101", "jsonb": `{"a":1}`,
		"int[]": "{1,2}", "text[]": "{a,b}", "int4range": "[1,5)", "mood": "ok", "citext": "aB", "positive": "1", "pair": "(1,a)",
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, "create extension citext; create type mood as enum ('ok', 'sad'); create domain positive as int check (value > 0); create type pair as (a int, b text)",
				"create table a (id int primary key, k "+typ+", note text); create table b (k "+typ+" primary key, name text); create index on a (k)",
				"insert into b values ('"+value+"', 'found'); insert into a select i, (select k from b), 'n' from generate_series(1, 3) i")
			lookedUp(t, d, on("k", "k"))
		})
	}
}

// TestSmallOneBySeveralColumns: the same for keys of several columns, each of a type without a form
// of its own in JSON.
func TestSmallOneBySeveralColumns(t *testing.T) {
	t.Parallel()
	for types, values := range map[string]string{
		"numeric, uuid": "'1.50', '7f1f0a5e-0000-4000-8000-000000000001'", "date, timestamptz": "'2024-02-29', '2024-02-29 12:00+00'",
		"mood, citext": "'ok', 'aB'", "bytea, int": `'\x00ff', 7`, "text, positive": "'a:b\\c', 3", "timestamptz, bigint": "'infinity', 1",
		"float8, boolean": "'-0', true", "interval, inet": "'1 day', '10.0.0.1'", "pair, char(3)": "'(1,a)', 'a'",
	} {
		t.Run(types, func(t *testing.T) {
			t.Parallel()
			first, second, _ := strings.Cut(types, ", ")
			columns := "k " + first + ", l " + second
			d := newDatabase(t, "create extension citext; create type mood as enum ('ok', 'sad'); create domain positive as int check (value > 0); create type pair as (a int, b text)",
				"create table a (id int primary key, "+columns+", note text); create table b ("+columns+", name text, primary key (k, l)); create index on a (k, l)",
				"insert into b values ("+values+", 'found'); insert into a select i, (select k from b), (select l from b), 'n' from generate_series(1, 3) i")
			lookedUp(t, d, append(on("k", "k"), on("l", "l")...))
		})
	}
}

// lookedUp reads a document with a small one in each way that there is, beside a live run too.
func lookedUp(t *testing.T, d *database, join []sources.Join) {
	t.Helper()
	const want = `{"id":2,"b":{"name":"found"}}`
	shape := sources.Shape{From: "a", Columns: plain("id"), Include: []sources.Shape{{Name: "b", From: "b", One: true, On: join, Columns: plain("name")}}}
	s := d.source(Config{Shape: shape})
	if _, err := s.Plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	for what, open := range map[string]func() (sources.View, error){
		"latest": func() (sources.View, error) { return s.OpenLatest(t.Context()) },
		"live": func() (sources.View, error) {
			s.mu.Lock()
			s.live = true
			s.mu.Unlock()
			return s.Open(t.Context())
		},
	} {
		v, err := open()
		if err != nil {
			t.Errorf("%s: %v", what, err)
			continue
		}
		b := &sources.Batch{}
		err = v.(sources.Lookup).Lookup(t.Context(), [][]byte{[]byte("2")}, b)
		if err != nil || len(b.Records) != 1 || string(b.Records[0].Value) != want {
			t.Errorf("%s: %v, %+v", what, err, b.Records)
		}
		if err := v.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	if got := string(d.read(Config{Shape: shape})["2"].Value); got != want {
		t.Errorf("snapshot: %s", got)
	}
}
