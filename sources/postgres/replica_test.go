package postgres

import (
	"context"
	"strings"
	"testing"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
	"humpty/sources/postgres/session"
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
	primary.Exec(shopSQL + rowsSQL)
	replica := connectTo(t, dsn)
	follow := func() {
		t.Helper()
		primary.Exec("set synchronous_commit = local; select pg_logical_emit_message(true, '', '')") // all before it is on the disk then
		lsn := primary.Rows("select pg_current_wal_flush_lsn()")[0][0]
		for replica.Rows("select pg_last_wal_replay_lsn() >= " + session.QuoteLiteral(lsn))[0][0] != "t" {
			if err := t.Context().Err(); err != nil {
				t.Fatal(err)
			}
		}
	}
	follow()
	want := primary.read(Config{Shape: shopShape()})

	_, v := openView(t, primary, Config{ReadDSN: dsn, Shape: sources.Shape{From: "t"}, PageBytes: 1000})
	r, err := v.Read(t.Context(), sources.Partition{ID: "t/0"}, "")
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := r.Next(t.Context(), &sources.Batch{Limit: 1}); err != nil {
			t.Fatal(err)
		}
	}
	primary.Exec("delete from t where id % 2 = 0")
	primary.Exec("vacuum t") // what the standby replays would take rows from the snapshot
	follow()
	for err = nil; err == nil; {
		err = r.Next(t.Context(), &sources.Batch{Limit: 1})
	}
	contains(t, err, "conflict with recovery", "max_standby_streaming_delay", "hot_standby_feedback")

	if err := stack.Stop(t.Context(), devstack.KindPostgres); err != nil {
		t.Fatal(err)
	}
	// On a standby an expression cannot be planned as a view, which is of no concern to a snapshot.
	noted := sources.Shape{From: "t", Columns: []sources.Column{{Field: "x", Expr: "id + 1"}}}
	if plan, err := primary.source(Config{ReadDSN: dsn, Shape: noted}).Plan(t.Context()); err != nil || len(plan.Warnings) > 0 {
		t.Errorf("an expression on a standby: %v, %v", plan.Warnings, err)
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

// TestLiveReadsOfAStandby: nothing is read of a standby before it has what the stream does
// not tell, and a read settles only what it had replayed when it began, whatever its own
// pg_current_snapshot says.
func TestLiveReadsOfAStandby(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	dsn, err := stack.Standby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	c := &captureTest{database: connectTo(t, stack.Addresses().Postgres)}
	standby := connectTo(t, dsn)
	c.Exec("create table t (id int primary key, v text); insert into t values (1, 'old'), (2, 'old')")
	pause := func() {
		standby.Exec("select pg_wal_replay_pause()")
		for standby.Rows("select pg_get_wal_replay_pause_state()")[0][0] != "paused" {
			if t.Context().Err() != nil {
				t.Fatal("not paused")
			}
		}
	}
	for standby.Rows("select to_regclass('t') is not null and exists (select from pg_stat_wal_receiver)")[0][0] != "t" {
		if t.Context().Err() != nil {
			t.Fatal("no standby")
		}
	}
	c.source = c.database.source(Config{ReadDSN: dsn, Shape: sources.Shape{From: "t"}})
	pause()
	c.Exec("insert into t values (3, 'before the capture')")
	if c.feed, err = c.source.Capture(t.Context(), "run-1", ""); err != nil {
		t.Fatal(err)
	}
	defer func() { _ = c.feed.Close(context.WithoutCancel(t.Context())) }()
	c.source.replica.StartTimeout = 100 * time.Millisecond
	_, err = c.source.Open(t.Context())
	contains(t, err, "is behind the beginning of the capture for 100ms", "leave read_dsn out")
	standby.Exec("select pg_wal_replay_resume()")
	c.source.replica.StartTimeout = time.Minute
	v, err := c.source.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = v.Close(context.WithoutCancel(t.Context())) }()
	c.view = v.(sources.Expander)
	if n := len(readPartition(t, v, sources.Partition{ID: "t/0"}, "", 1000)); n != 3 {
		t.Errorf("%d documents, want 3", n)
	}
	pause()
	c.Exec("update t set v = 'new' where id = 1")
	var marks sources.ChangeSet
	if err := c.feed.Next(t.Context(), &marks); err != nil {
		t.Fatal(err)
	}
	read := func() (string, bool) {
		var b sources.Batch
		if err := c.view.Lookup(t.Context(), [][]byte{[]byte("1")}, &b); err != nil {
			t.Fatal(err)
		}
		return string(b.Records[0].Value), b.Snapshot.Sees(marks.Xid)
	}
	if text, sees := read(); sees || !strings.Contains(text, "old") {
		t.Errorf("the standby has not replayed it, and the read has %s, settled: %t", text, sees)
	}
	db, err := session.Connect(t.Context(), dsn, session.Options{LockTimeout: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close(context.WithoutCancel(t.Context()))
	if own, err := db.Snapshot(t.Context()); err != nil || marks.Xid < own.Min {
		t.Errorf("the standby knows the transaction already, so the test shows nothing: %+v, %v", own, err)
	}
	standby.Exec("select pg_wal_replay_resume()")
	if text, sees := read(); !sees || !strings.Contains(text, "new") {
		t.Errorf("the standby has replayed it, and the read has %s, settled: %t", text, sees)
	}
	for _, wrong := range []string{stack.Addresses().Postgres, devstack.Postgres(t)} {
		c.source.config.ReadDSN = wrong
		_, err := c.source.Open(t.Context())
		contains(t, err, "read_dsn", "leave read_dsn out")
	}
}
