// Package pgtest gives a test a PostgreSQL database of its own.
package pgtest

import (
	"context"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/testenv/devstack"
)

// Database is a fresh database of one test, with a connection to it.
type Database struct {
	T   testing.TB
	DSN string

	conn *pgconn.PgConn
}

// New makes a database and runs statements in it.
func New(t testing.TB, sql ...string) *Database {
	t.Helper()
	dsn := os.Getenv("HUMPTY_TEST_POSTGRES") // a server of the developer's own, with a last path of /postgres
	if dsn != "" {
		name := devstack.Name(t)
		Connect(t, dsn).Exec("create database " + name + " template template0")
		dsn = strings.Replace(dsn, "/postgres?", "/"+name+"?", 1)
	} else {
		dsn = devstack.Postgres(t)
	}
	d := Connect(t, dsn)
	for _, s := range sql {
		d.Exec(s)
	}
	return d
}

// Connect connects to a database that is there.
func Connect(t testing.TB, dsn string) *Database {
	t.Helper()
	d := &Database{T: t, DSN: dsn}
	conn, err := pgconn.Connect(t.Context(), d.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	d.conn = conn
	return d
}

// Exec runs statements.
func (d *Database) Exec(sql string) {
	d.T.Helper()
	if err := d.Try(sql); err != nil {
		d.T.Fatalf("%v\n%s", err, sql)
	}
}

// Try runs statements that may fail.
func (d *Database) Try(sql string) error {
	_, err := d.conn.Exec(d.T.Context(), sql).ReadAll()
	return err
}

// Rows runs statements and gives the rows of the last one as text.
func (d *Database) Rows(sql string) [][]string {
	d.T.Helper()
	res, err := d.conn.Exec(d.T.Context(), sql).ReadAll()
	if err != nil {
		d.T.Fatalf("%v\n%s", err, sql)
	}
	var out [][]string
	for _, row := range res[len(res)-1].Rows {
		fields := make([]string, len(row))
		for i, f := range row {
			fields[i] = string(f)
		}
		out = append(out, fields)
	}
	return out
}

// OwnCPU is the time that this process has computed for, for benchmarks.
func OwnCPU() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
