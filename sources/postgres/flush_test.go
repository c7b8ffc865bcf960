package postgres

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/testenv/devstack"
	"humpty/sources"
)

// flushLogOf opens a snapshot, whose session tells what is flushed.
func (d *database) flushLogOf(t *testing.T, c Config) sources.FlushLog {
	t.Helper()
	_, v := openView(t, d, c)
	tracked, ok := v.(sources.FlushTracked)
	if !ok || tracked.FlushLog() == nil {
		t.Fatal("the view does not tell what is flushed")
	}
	return tracked.FlushLog()
}

// TestFlushLog: a role that may read and replicate is told what is flushed, and can have it
// flushed, though its transactions are read only and commit asynchronously. A crash ends that,
// also one that the server recovers from by itself. A standby shows only what is flushed.
func TestFlushLog(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindPostgres},
		Config: map[devstack.Kind][]string{devstack.KindPostgres: {
			"synchronous_commit = off", "wal_writer_delay = 10s", "wal_writer_flush_after = 0", "autovacuum = off", "checkpoint_timeout = 1h",
		}},
	})
	standby, err := stack.Standby(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	admin := connectTo(t, stack.Addresses().Postgres)
	admin.Exec(`create table t (id int primary key); create role reader login replication password 'secret'; grant select on t to reader;
alter role reader set default_transaction_read_only = on; alter role reader set synchronous_commit = off`)
	reader := connectTo(t, strings.Replace(stack.Addresses().Postgres, "postgres@", "reader:secret@", 1))
	c := Config{Shape: sources.Shape{From: "t"}}
	log := reader.flushLogOf(t, c)
	crash, err := log.LastCrash(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	admin.Exec("insert into t select generate_series(1, 10)")
	end, err := log.LogEnd(t.Context())
	flushed, askErr := log.Flushed(t.Context(), end)
	if err := errors.Join(err, askErr); err != nil || flushed {
		t.Fatalf("flushed %v before the log is: %v", flushed, err)
	}
	if err := log.Flush(t.Context()); err != nil {
		t.Fatal(err)
	}
	if flushed, err = log.Flushed(t.Context(), end); err != nil || !flushed {
		t.Fatalf("flushed %v, %v", flushed, err)
	}

	behind := connectTo(t, standby)
	for behind.Rows("select to_regclass('t') is not null")[0][0] != "t" {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	of := behind.flushLogOf(t, c)
	end, err = of.LogEnd(t.Context())
	flushed, askErr = of.Flushed(t.Context(), end)
	if err := errors.Join(err, askErr); err != nil || !flushed {
		t.Errorf("a standby has flushed %q: %v, %v", end, flushed, err)
	}

	admin.Exec("insert into t values (11)")
	started := admin.Rows("select pg_postmaster_start_time()")[0][0]
	pid, err := strconv.Atoi(admin.Rows("select pg_backend_pid()")[0][0])
	if err != nil {
		t.Fatal(err)
	}
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil { // a server of this test's own
		t.Fatal(err)
	}
	for !recovered(t, stack.Addresses().Postgres, pid) {
		if err := t.Context().Err(); err != nil {
			t.Fatal(err)
		}
	}
	again := connectTo(t, stack.Addresses().Postgres)
	if n := again.Rows("select count(*), pg_postmaster_start_time() from t")[0]; n[0] != "10" || n[1] != started {
		t.Fatalf("%v rows, want 10 of the same postmaster: nothing was lost, and the test shows nothing", n)
	}
	if _, err := log.Flushed(t.Context(), "0/1"); err == nil {
		t.Error("what was read before the crash counts as flushed behind it")
	}
	if now, err := again.flushLogOf(t, c).LastCrash(t.Context()); err != nil || now == crash {
		t.Errorf("the last crash is %q as before, %v", now, err)
	}
}

// recovered reports whether a server has noticed that one of its processes was killed, and is back:
// until then it may take a connection and end it.
func recovered(t *testing.T, dsn string, killed int) bool {
	t.Helper()
	conn, err := pgconn.Connect(t.Context(), dsn)
	if err != nil {
		return false
	}
	defer func() { _ = conn.Close(t.Context()) }()
	results, err := conn.Exec(t.Context(), fmt.Sprintf("select from pg_catalog.pg_stat_activity where pid = %d", killed)).ReadAll()
	return err == nil && len(results[0].Rows) == 0
}
