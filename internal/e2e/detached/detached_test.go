//go:build unix

// Package detached stops the built program by signals, and takes its terminal away.
package detached

import (
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// newShop is a shop whose load stops at its fourth request, until release is called.
func newShop(t *testing.T, writer string) (s *rig.Shop, loading <-chan struct{}, release func()) {
	t.Helper()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	s = rig.New(t, stack.Addresses().Postgres, devstack.Elasticsearch(t))
	s.Live(t, writer, "    limits: {batch: 64KB, writers: 4}\n")
	s.SQL(t, rig.UnconstrainedTables(3000, 200))
	loading, release = s.Hold(t, 3)
	return s, loading, release
}

// startedRun is a process that is in its load.
func startedRun(t *testing.T, s *rig.Shop, loading <-chan struct{}) (*exec.Cmd, func(string) []string) {
	t.Helper()
	run := s.Command(t, "rebuild", "orders", "--progress-interval", "200ms")
	until := rig.Lines(t, run)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	select {
	case <-loading:
	case <-t.Context().Done():
	}
	return run, until
}

func send(t *testing.T, to *exec.Cmd, signal syscall.Signal) {
	t.Helper()
	if err := to.Process.Signal(signal); err != nil {
		t.Fatal(err)
	}
}

func ends(t *testing.T, cmd *exec.Cmd, code int, said []string) {
	t.Helper()
	if got := rig.Code(t, cmd.Wait()); got != code {
		t.Fatalf("exit code %d, want %d\n%s", got, code, strings.Join(said, "\n"))
	}
}

// A live run goes on without its terminal, another one attaches to it, Ctrl-C stops it so
// that it can be gone on with, and then it is.
func TestLiveRunWithoutItsTerminal(t *testing.T) {
	t.Parallel()
	s, loading, release := newShop(t, "follow")
	run, until := startedRun(t, s, loading)
	said := until("load      ")
	send(t, run, syscall.SIGHUP)
	attached := s.Command(t, "status", "orders", "--follow", "--progress-interval", "200ms")
	shown := rig.Lines(t, attached)
	if err := attached.Start(); err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{"plan      ", "capture   ", "load      "} { // from the beginning
		if got := shown(of); len(got) == 0 || !strings.HasPrefix(got[len(got)-1], of) {
			t.Fatalf("status --follow shows no line of %s: %q", of, got)
		}
	}
	send(t, run, syscall.SIGINT)
	said = append(said, until("stopping  ")...)
	release()
	said = append(said, until("")...)
	ends(t, run, 130, said)
	if !strings.Contains(strings.Join(said, "\n"), "go on with it where it was: humpty resume ") {
		t.Fatal(strings.Join(said, "\n"))
	}
	ends(t, attached, 0, shown(""))

	s.Run(t, "status", "orders").Want(t, 0, "was stopped: ", "humpty resume ")
	s.Run(t, "rebuild", "orders").Want(t, 4, "was stopped", "humpty resume ", "humpty rebuild orders --new")
	s.Run(t, "resume").Want(t, 0, "goes on: ", "alias "+s.Alias+" serves ")
	s.EqualsOracle(t)
	s.Run(t, "resume").Want(t, 4, "no stopped run is known")
}

// Two signals end a run at once, and it can still be gone on with; a definition that was
// changed meanwhile is refused with the difference.
func TestTwoSignalsLeaveARunThatGoesOn(t *testing.T) {
	t.Parallel()
	s, loading, release := newShop(t, "freeze")
	run, until := startedRun(t, s, loading)
	send(t, run, syscall.SIGINT)
	until("stopping  ")
	send(t, run, syscall.SIGINT)
	ends(t, run, 130, until(""))
	release()
	s.Edit(t, "order_by: [no]", "order_by: [sku]")
	s.Run(t, "resume").Want(t, 4, "was changed since run ", "OrderBy[0].Column: was \"no\", is \"sku\"", "put it back and resume")
	s.Edit(t, "order_by: [sku]", "order_by: [no]")
	s.Run(t, "resume").Want(t, 0, "alias "+s.Alias+" serves ")
	s.EqualsOracle(t)
}

// prune leaves what a stopped run goes on with, until it is told to give it up.
func TestPruneAsksBeforeItGivesAStoppedRunUp(t *testing.T) {
	t.Parallel()
	s, loading, release := newShop(t, "freeze")
	run, until := startedRun(t, s, loading)
	send(t, run, syscall.SIGTERM)
	until("stopping  ")
	release()
	ends(t, run, 143, until(""))
	s.Run(t, "prune", "orders", "--yes").Want(t, 0, " stays: humpty resume ", "--stopped gives it up")
	s.Run(t, "prune", "orders", "--yes", "--stopped").Want(t, 0, "dropped "+s.Alias)
	s.Run(t, "resume").Want(t, 4, "no stopped run is known")
	s.SQL(t, "DO $$ BEGIN IF EXISTS (SELECT FROM pg_replication_slots) OR EXISTS (SELECT FROM pg_publication) THEN RAISE 'something is left'; END IF; END $$")
}
