package postgres

import (
	"fmt"
	"math/rand/v2"
	"testing"

	"humpty/sources"
)

// TestKeys reads tables by keys of many kinds, each cut into partitions and pages, with
// an include that meets the key, and looks all of them up again.
func TestKeys(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `create collation if not exists german (provider = icu, locale = 'de');
create collation blind (provider = icu, locale = 'und-u-ks-level2', deterministic = false); create type colour as enum ('red', 'green', 'blue'); create type pair as (a int, b text);`)
	const words = `(array['Ä','a','z','Zoo','ähre','öl','_x','B','b','É','e','''','"','\','1','10','2'])[1 + i % 17] || case when i > 16 then i::text else '' end`
	for name, c := range map[string]struct {
		columns, key, values string // columns of the key, its primary key, and their values of i
	}{
		"negative":       {"k int", "k", "i - 200"},
		"sparse":         {"k int8", "k", "case when i < 200 then i else i * 1000000000000 end"},
		"small":          {"k int2", "k", "i * 50"},
		"text":           {"k text", "k", words},
		"text, German":   {"k text collate german", "k", words},
		"text, ICU":      {`k text collate "en-US-x-icu"`, "k", words},
		"text, C":        {`k text collate "C"`, "k", words},
		"text, blind":    {"k text collate blind", "k", "case when i % 2 = 0 then 'X' else 'x' end || i"},
		"varchar":        {"k varchar(40) collate german", "k", words},
		"char":           {"k char(12)", "k", "'x' || i"},
		"uuid":           {"k uuid", "k", "md5(i::text)::uuid"},
		"numeric":        {"k numeric", "k", "i / 8.0"},
		"date":           {"k date", "k", "date '0001-06-01 BC' + i * 3"},
		"timestamptz":    {"k timestamptz", "k", "timestamptz '1969-12-31' + i * interval '7 minutes 0.5 seconds'"},
		"float":          {"k float8", "k", "i / 3.0"},
		"bytea":          {"k bytea", "k", "decode(md5(i::text), 'hex')"},
		"array":          {"k int[]", "k", "array[i % 20, i / 20]"},
		"row":            {"k pair", "k", "row(i % 7, 'x, ' || i)::pair"},
		"composite":      {"k int, l text collate german", "k, l", "i / 20, " + words},
		"composite, odd": {`k date, "L m" numeric, n bool`, `n, k, "L m"`, "date '2024-01-01' + i % 7, i / 7 / 2.0, i % 2 = 0"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			d := connectTo(t, d.DSN)
			table := fmt.Sprintf("t%d", rand.Uint64())
			list := c.key
			d.Exec(fmt.Sprintf(`create table %[1]s (%[2]s, v int, primary key (%[3]s)); insert into %[1]s select %[4]s, i from generate_series(1, 400) i;
create table %[1]s_c (%[2]s, line int, primary key (%[3]s, line)); insert into %[1]s_c select %[5]s, x from %[1]s r, generate_series(1, 3) x where x <= v %% 4`,
				table, c.columns, c.key, c.values, columnsOf(c.columns)))
			var pairs []sources.Join
			for _, k := range namesOf(list) {
				pairs = append(pairs, sources.Join{Child: k, Parent: k})
			}
			shape := sources.Shape{From: table, Columns: plain("v"), Include: []sources.Shape{
				{Name: "many", From: table + "_c", On: pairs, Many: true, Values: "line"},
				{Name: "self", From: table, On: pairs, One: true, Values: "", Columns: plain("v")},
			}}
			var ids map[string]sources.Record
			for _, cfg := range []Config{{Chunks: 7}, {PageBytes: 300, Memory: 1}} {
				cfg.Shape = shape
				got := d.read(cfg)
				byValue := map[string]sources.Record{}
				for _, r := range got {
					byValue[fmt.Sprint(decoded(r.Value).(map[string]any)["v"])] = r
				}
				d.equal(byValue, fmt.Sprintf(`select v, json_build_object('v', v, 'self', json_build_object('v', v), 'many',
					coalesce((select json_agg(line order by line) from %[1]s_c c where (%[2]s) = (%[3]s)), '[]')) from %[1]s r`, table, prefixed("c.", list), prefixed("r.", list)))
				ids = got
			}
			d.lookUpAll(Config{Shape: shape}, ids)
		})
	}
}

// lookUpAll compares what Lookup finds with what was read.
func (d *database) lookUpAll(c Config, want map[string]sources.Record) {
	d.T.Helper()
	v, err := d.source(c).Open(d.T.Context())
	if err != nil {
		d.T.Fatal(err)
	}
	defer func() { _ = v.Close(d.T.Context()) }()
	keys := [][]byte{[]byte("no such key"), []byte(""), []byte(`\?\`), []byte("\xff"), []byte("12\x00")}
	gone := len(keys)
	for id := range want {
		keys = append(keys, []byte(id))
	}
	var b sources.Batch
	if err := v.(sources.Lookup).Lookup(d.T.Context(), keys, &b); err != nil {
		d.T.Fatal(err)
	}
	if len(b.Records) != len(keys) {
		d.T.Fatalf("%d records for %d keys", len(b.Records), len(keys))
	}
	for _, r := range b.Records {
		w, ok := want[string(r.Key)]
		if r.Deleted {
			gone--
		}
		if r.Deleted == ok || string(r.Value) != string(w.Value) {
			d.T.Errorf("looked up %q: deleted %t, %s, want %s", r.Key, r.Deleted, r.Value, w.Value)
		}
	}
	if gone != 0 {
		d.T.Errorf("%d unknown keys were not reported as deleted", gone)
	}
}

// TestLookupTellsErrorsApart: an id that its type does not take is of no document, but
// an expression that fails is an error, and none of a document that is gone.
func TestLookupTellsErrorsApart(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, "create table t (d date primary key, v int); insert into t select date '2024-01-01' + i, i from generate_series(1, 9) i")
	shape := sources.Shape{From: "t", Columns: []sources.Column{{Field: "x", Expr: "10 / (v - 5)"}}}
	v, err := d.source(Config{Shape: shape}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close(t.Context()) }()
	look := v.(sources.Lookup)
	var b sources.Batch
	keys := [][]byte{[]byte("2024-01-02"), []byte("2024-13-02"), []byte("yesterdayish"), []byte("2024-01-03"), []byte("2024-1-4")}
	if err := look.Lookup(t.Context(), keys, &b); err != nil {
		t.Fatal(err)
	}
	for i, want := range []string{`{"x":-2}`, "", "", `{"x":-3}`, ""} {
		if r := b.Records[i]; string(r.Value) != want || r.Deleted != (want == "") {
			t.Errorf("%s: deleted %t, %s", r.Key, r.Deleted, r.Value)
		}
	}
	b.Reset()
	contains(t, look.Lookup(t.Context(), [][]byte{[]byte("2024-01-05"), []byte("2024-01-06"), []byte("x")}, &b), "division by zero")
}
