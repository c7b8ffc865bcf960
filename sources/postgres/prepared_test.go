package postgres

import (
	"context"
	"slices"
	"strings"
	"testing"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
)

// TestPreparedTransactions: a prepared transaction is no change until it is committed, then it comes
// whole, and is settled only by a read that sees it; one that is rolled back never comes.
func TestPreparedTransactions(t *testing.T) {
	t.Parallel()
	d := connectTo(t, devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindPostgres},
		Config:  map[devstack.Kind][]string{devstack.KindPostgres: {"max_prepared_transactions = 5"}},
	}).Addresses().Postgres)
	d.Exec("create table a (id int primary key, note text); insert into a select i, 'before' from generate_series(1, 9) i")
	s := d.source(Config{Shape: sources.Shape{From: "a", Columns: plain("id", "note")}})
	feed, err := s.Capture(t.Context(), "run-1", "")
	if err != nil {
		t.Fatal(err)
	}
	defer feed.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // of a test that is over
	v, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer v.Close(context.WithoutCancel(t.Context())) //nolint:errcheck // the same
	read := func(id string) (string, sources.TxSnapshot) {
		b := &sources.Batch{}
		if err := v.(sources.Lookup).Lookup(t.Context(), [][]byte{[]byte(id)}, b); err != nil {
			t.Fatal(err)
		}
		return string(b.Records[0].Value), b.Snapshot
	}
	// next gives the keys of the next transaction before a fence that is set now.
	next := func() (keys []string, xid uint64) {
		id, err := feed.Fence(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for {
			var m sources.ChangeSet
			if err := feed.Next(t.Context(), &m); err != nil {
				t.Fatal(err)
			}
			if m.Fence == id {
				slices.Sort(keys)
				return keys, xid
			}
			for _, k := range m.Keys {
				keys, xid = append(keys, k.Key), m.Xid
			}
		}
	}
	d.Exec("begin; update a set note = 'prepared' where id in (1, 2); insert into a values (10, 'prepared'); prepare transaction 'kept'")
	d.Exec("begin; update a set note = 'never' where id = 3; prepare transaction 'undone'")
	d.Exec("update a set note = 'meanwhile' where id = 4")
	if keys, _ := next(); !slices.Equal(keys, []string{"4"}) {
		t.Errorf("while two are prepared: %q", keys)
	}
	before, saw := read("1")
	found, err := s.Preflight(t.Context(), true)
	if err != nil || !strings.Contains(found.Error(), "prepared transaction kept of postgres waits for its end") || !strings.Contains(found.Error(), "ROLLBACK PREPARED 'undone';") {
		t.Errorf("check: %v, %v", err, found)
	}

	d.Exec("commit prepared 'kept'")
	keys, xid := next()
	after, sees := read("1")
	switch {
	case !slices.Equal(keys, []string{"1", "10", "2"}):
		t.Errorf("committed: %q", keys)
	case before != `{"id":1,"note":"before"}` || saw.Sees(xid):
		t.Errorf("before: %s, %+v sees %d", before, saw, xid)
	case after != `{"id":1,"note":"prepared"}` || !sees.Sees(xid):
		t.Errorf("after: %s, %+v sees %d", after, sees, xid)
	}
	d.Exec("rollback prepared 'undone'")
	if keys, _ := next(); len(keys) > 0 {
		t.Errorf("rolled back: %q", keys)
	}

	// a capture cannot begin while one is open, and says which one it waits for
	d.Exec("begin; update a set note = 'open' where id = 5; prepare transaction 'open'")
	other := d.source(Config{Shape: sources.Shape{From: "a", Columns: plain("id")}})
	other.captureTimeout = 2 * time.Second
	if _, err := other.Capture(t.Context(), "run-2", ""); err == nil || !strings.Contains(err.Error(), "open") {
		t.Errorf("beside an open one: %v", err)
	}
	d.Exec("rollback prepared 'open'")
}
