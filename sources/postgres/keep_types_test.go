package postgres

import (
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
		"int[]": "{1,2}", "text[]": "{a,b}", "int4range": "[1,5)", "mood": "ok", "positive": "1", "pair": "(1,a)",
	} {
		t.Run(typ, func(t *testing.T) {
			t.Parallel()
			d := newDatabase(t, "create type mood as enum ('ok', 'sad'); create domain positive as int check (value > 0); create type pair as (a int, b text)",
				"create table a (id int primary key, k "+typ+", note text); create table b (k "+typ+" primary key, name text); create index on a (k)",
				"insert into b values ('"+value+"', 'found'); insert into a select i, (select k from b), 'n' from generate_series(1, 3) i")
			shape := sources.Shape{From: "a", Columns: plain("id"), Include: []sources.Shape{{Name: "b", From: "b", One: true, On: on("k", "k"), Columns: plain("name")}}}
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
				if err != nil || len(b.Records) != 1 || string(b.Records[0].Value) != `{"id":2,"b":{"name":"found"}}` {
					t.Errorf("%s: %v, %+v", what, err, b.Records)
				}
				if err := v.Close(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
	}
}
