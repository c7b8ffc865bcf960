//go:build unix

package rig

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"

	"humpty/internal/testenv/devstack"
)

// NewLiveShop is a shop in a PostgreSQL of its own: a slot waits for the transactions of a
// whole cluster.
func NewLiveShop(t *testing.T, writer string) *Shop {
	t.Helper()
	s := New(t, devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}}).Addresses().Postgres, devstack.Elasticsearch(t))
	s.SQL(t, Tables)
	s.Live(t, writer, "")
	return s
}

// ReferencedChange is one change of the application's, to tables with references between them.
func ReferencedChange(rng *rand.Rand, i int) string {
	id := 1 + rng.IntN(320)
	switch rng.IntN(5) {
	case 0:
		return fmt.Sprintf("UPDATE customer SET name = 'renamed %d' WHERE id = %d", i, 1+rng.IntN(10))
	case 1:
		return fmt.Sprintf("DELETE FROM line WHERE order_id = %d; DELETE FROM orders WHERE id = %[1]d", id)
	case 2:
		return fmt.Sprintf("INSERT INTO line SELECT id, %d, 'new', 1 FROM orders WHERE id = %d ON CONFLICT DO NOTHING", 4+rng.IntN(5), id)
	}
	return fmt.Sprintf("INSERT INTO orders VALUES (%d, %d, '2026-06-01', %d, 'changed') ON CONFLICT (id) DO UPDATE SET note = 'again %[3]d', customer_id = excluded.customer_id", id, 1+rng.IntN(10), i)
}

// Captures is how many slots and publications there are.
func Captures(t testing.TB, conn *pgx.Conn) (n int) {
	t.Helper()
	if err := conn.QueryRow(t.Context(), "SELECT (SELECT count(*) FROM pg_replication_slots) + (SELECT count(*) FROM pg_publication)").Scan(&n); err != nil {
		t.Fatal(err)
	}
	return n
}

// Running is a process that a signal ends later.
type Running struct {
	Cmd      *exec.Cmd
	out, err *strings.Builder
}

// Start starts the program.
func (s *Shop) Start(t testing.TB, args ...string) Running {
	t.Helper()
	p := Running{s.Command(t, args...), new(strings.Builder), new(strings.Builder)}
	p.Cmd.Stdout, p.Cmd.Stderr = p.out, p.err
	if err := p.Cmd.Start(); err != nil {
		t.Fatal(err)
	}
	return p
}

// Interrupt ends it as Ctrl-C does.
func (p Running) Interrupt(t testing.TB) Answer {
	t.Helper()
	if err := p.Cmd.Process.Signal(syscall.SIGINT); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	return p.Wait(t)
}

// Wait waits for its end.
func (p Running) Wait(t testing.TB) Answer {
	t.Helper()
	return Answer{Code: Code(t, p.Cmd.Wait()), Out: p.out.String(), Err: p.err.String()}
}
