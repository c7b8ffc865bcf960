package postgres

import (
	"testing"

	"humpty/internal/devstack"
	"humpty/sources"
)

// TestReplica loads from a standby: with read_dsn nothing but it is asked.
func TestReplica(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindPostgres},
		Config:  map[devstack.Kind][]string{devstack.KindPostgres: {"max_standby_streaming_delay = 0", "hot_standby_feedback = off", "autovacuum = off"}},
	})
	dsn, err := stack.Standby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	primary := connectTo(t, stack.Addresses().Postgres)
	primary.exec(shopSQL + rowsSQL)
	replica := connectTo(t, dsn)
	follow := func() {
		t.Helper()
		primary.exec("set synchronous_commit = local; select pg_logical_emit_message(true, '', '')") // all before it is on the disk then
		lsn := primary.rows("select pg_current_wal_flush_lsn()")[0][0]
		for replica.rows("select pg_last_wal_replay_lsn() >= " + literal(lsn))[0][0] != "t" {
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	follow()
	want := primary.read(Config{Shape: shopShape()})

	_, v := opened(t, primary, Config{ReadDSN: dsn, Shape: sources.Shape{From: "t"}, PageBytes: 1000})
	r, err := v.Read(t.Context(), sources.Partition{ID: "t/0"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := r.Next(t.Context(), &sources.Batch{Limit: 1}); err != nil {
			t.Fatal(err)
		}
	}
	primary.exec("delete from t where id % 2 = 0")
	primary.exec("vacuum t") // what the standby replays would take rows from the snapshot
	follow()
	for err = nil; err == nil; {
		err = r.Next(t.Context(), &sources.Batch{Limit: 1})
	}
	contains(t, err, "conflict with recovery", "max_standby_streaming_delay", "hot_standby_feedback")

	if err := stack.Stop(t.Context(), devstack.KindPostgres); err != nil {
		t.Fatal(err)
	}
	got := primary.read(Config{ReadDSN: dsn, Shape: shopShape(), Chunks: 3})
	if len(got) != len(want) || len(want) == 0 {
		t.Errorf("%d documents, want %d", len(got), len(want))
	}
	for id, w := range want {
		if g := got[id]; string(g.Value) != string(w.Value) {
			t.Errorf("document %s from the replica: %s, want %s", id, g.Value, w.Value)
		}
	}
}

// TestLiveReadsThePrimary: a replica may be behind the start of the capture, and its
// pg_current_snapshot does not say which transactions it has yet to see.
func TestLiveReadsThePrimary(t *testing.T) {
	t.Parallel()
	d := newDatabase(t, rowsSQL)
	s := d.source(Config{ReadDSN: "postgres://postgres@127.0.0.1:1/nowhere?connect_timeout=5", Shape: sources.Shape{From: "t"}})
	if v, err := s.Open(t.Context()); err == nil {
		_ = v.Close(t.Context())
		t.Fatal("the replica was not asked, so the test shows nothing")
	}
	s.live = true
	v, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close(t.Context()) }()
	if n := len(readPartition(t, v, sources.Partition{ID: "t/0"}, "", 1000)); n != 1000 {
		t.Errorf("%d documents, want 1000", n)
	}
}
