package postgres

import (
	"slices"
	"strings"
	"testing"

	"humpty/sources"
)

// A key that is written in another way, but equal, is another document: both are asked for,
// and only one of them is there.
func TestLookupOfEqualKeysWrittenDifferently(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, `create table t (k numeric primary key, v int); create table tc (k numeric, line int, pad text);
insert into t values (1.00, 7), (2, 8); insert into tc values (1.00, 1), (1.00, 2), (2, 1);
insert into tc select -1, 0, repeat('x', 400) from generate_series(1, 4000); analyze tc`) // large, and no index: read by a cursor
	on := []sources.Join{{Child: "k", Parent: "k"}}
	v, err := d.source(Config{Shape: sources.Shape{From: "t", Columns: plain("v"), Include: []sources.Shape{{Name: "many", From: "tc", On: on, Many: true, Values: "line", OrderBy: []sources.Order{{Column: "line"}}}}}}).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close(t.Context()) }()
	var b sources.Batch
	if err := v.(sources.Lookup).Lookup(t.Context(), [][]byte{[]byte("1.0"), []byte("1.00"), []byte("2")}, &b); err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, r := range b.Records {
		got = append(got, string(r.Key)+" "+string(r.Value))
	}
	slices.Sort(got)
	if want := `1.0 |1.00 {"v":7,"many":[1,2]}|2 {"v":8,"many":[1]}`; strings.Join(got, "|") != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
