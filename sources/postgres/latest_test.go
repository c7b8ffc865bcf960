package postgres

import (
	"strings"
	"testing"

	"humpty/sources"
)

// TestPresentIsOfEachLookup: one view sees what others commit between its lookups, in the
// root and in tables that a snapshot would have in memory, and holds nothing meanwhile.
func TestPresentIsOfEachLookup(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, liveSchema)
	s := d.source(Config{Shape: liveShape(), MaxConnections: 2, Memory: 1 << 20})
	if _, err := s.Plan(t.Context()); err != nil {
		t.Fatal(err)
	}
	v, err := s.OpenLatest(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	look := func() string {
		t.Helper()
		var b sources.Batch
		if err := v.(sources.Lookup).Lookup(t.Context(), [][]byte{[]byte("1"), []byte("2")}, &b); err != nil {
			t.Fatal(err)
		}
		text := ""
		for _, r := range b.Records {
			if r.Deleted {
				text += string(r.Key) + " deleted "
			}
			text += string(r.Value)
		}
		return text
	}
	if before := look(); !strings.Contains(before, `"Ann"`) || strings.Contains(before, "deleted") {
		t.Errorf("before: %s", before)
	}
	d.Exec("update customer set name = 'Eve' where id = 10; delete from orders where id = 2")
	if after := look(); !strings.Contains(after, `"Eve"`) || !strings.Contains(after, "2 deleted") {
		t.Errorf("after: %s", after)
	}
	if idle := d.Rows("select count(*) from pg_stat_activity where datname = current_database() and state like 'idle in%'"); idle[0][0] != "0" {
		t.Errorf("%s transactions are open between lookups", idle[0][0])
	}
	d.Exec("alter table customer add column more int; alter table customer drop column name")
	var b sources.Batch
	if err := v.(sources.Lookup).Lookup(t.Context(), [][]byte{[]byte("1")}, &b); err == nil {
		t.Error("a column that is gone was not missed")
	}
	if err := v.Close(t.Context()); err != nil {
		t.Error(err)
	}
}
