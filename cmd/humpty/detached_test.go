//go:build unix

package main

import (
	"bufio"
	"errors"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"humpty/internal/devstack"
)

// lines gives what a process says on stderr, until it says something with a prefix.
func lines(t *testing.T, cmd *exec.Cmd) (until func(prefix string) []string) {
	t.Helper()
	pipe, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	scanner := bufio.NewScanner(pipe)
	return func(prefix string) (said []string) {
		for scanner.Scan() {
			said = append(said, scanner.Text())
			if prefix != "" && strings.HasPrefix(scanner.Text(), prefix) {
				return said
			}
		}
		return said
	}
}

// A live run goes on without its terminal, another one attaches to it, Ctrl-C stops it so
// that it can be gone on with, and then it is.
func TestLiveRunWithoutItsTerminal(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	s := newCrashShop(t, stack.Addresses().Postgres, devstack.Elasticsearch(t), "follow")
	s.edit(t, "max_bulk_mb_s: 4", "max_bulk_mb_s: 1")
	s.sql(t, crashTables)

	run := s.humpty(t, "rebuild", "orders", "--progress-interval", "200ms")
	until := lines(t, run)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	said := until("load      ")
	if err := run.Process.Signal(syscall.SIGHUP); err != nil {
		t.Fatal(err)
	}
	attached := s.humpty(t, "status", "orders", "--follow", "--progress-interval", "200ms")
	shown := lines(t, attached)
	if err := attached.Start(); err != nil {
		t.Fatal(err)
	}
	for _, of := range []string{"plan      ", "capture   ", "load      "} { // from the beginning
		if got := shown(of); len(got) == 0 || !strings.HasPrefix(got[len(got)-1], of) {
			t.Fatalf("status --follow shows no line of %s: %q", of, got)
		}
	}
	if err := run.Process.Signal(syscall.SIGINT); err != nil {
		t.Fatal(err)
	}
	said = append(said, until("")...)
	if err := run.Wait(); code(err) != 130 || !strings.Contains(strings.Join(said, "\n"), "go on with it where it was: humpty resume ") {
		t.Fatalf("%v\n%s", err, strings.Join(said, "\n"))
	}
	shown("")
	if err := attached.Wait(); err != nil {
		t.Errorf("status --follow: %v", err)
	}

	s.call.run(t.Context(), "status", "orders").want(t, 0, "was stopped: ", "humpty resume ")
	s.call.run(t.Context(), "rebuild", "orders").want(t, 4, "was stopped", "humpty resume ", "humpty rebuild orders --new")
	changed := s.call.run(t.Context(), "resume")
	changed.want(t, 0, "goes on: ", "alias "+s.alias+" serves ")
	s.equalsOracle(t)
	if again := s.call.run(t.Context(), "resume"); again.code != 4 || !strings.Contains(again.err, "no stopped run is known") {
		t.Errorf("resumed again: %+v", again)
	}
}

// Two signals end a run at once, and it can still be gone on with; a definition that was
// changed meanwhile is refused with the difference.
func TestTwoSignalsLeaveARunThatGoesOn(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	s := newCrashShop(t, stack.Addresses().Postgres, devstack.Elasticsearch(t), "freeze")
	s.edit(t, "max_bulk_mb_s: 4", "max_bulk_mb_s: 1")
	s.sql(t, crashTables)
	run := s.humpty(t, "rebuild", "orders", "--progress-interval", "200ms")
	until := lines(t, run)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	until("load      ")
	if err := errors.Join(run.Process.Signal(syscall.SIGINT)); err != nil {
		t.Fatal(err)
	}
	until("stopping  ")
	_ = run.Process.Signal(syscall.SIGINT) // it may have stopped in good order by now
	until("")
	if err := run.Wait(); code(err) != 130 {
		t.Fatal(err)
	}
	s.edit(t, "order_by: [no]", "order_by: [sku]")
	s.call.run(t.Context(), "resume").want(t, 4, "was changed since run ", "OrderBy[0].Column: was \"no\", is \"sku\"", "put it back and resume")
	s.edit(t, "order_by: [sku]", "order_by: [no]")
	s.call.run(t.Context(), "resume").want(t, 0, "alias "+s.alias+" serves ")
	s.equalsOracle(t)
}

// prune leaves what a stopped run goes on with, until it is told to give it up.
func TestPruneAsksBeforeItGivesAStoppedRunUp(t *testing.T) {
	t.Parallel()
	stack := devstack.Private(t, devstack.Options{Servers: []devstack.Kind{devstack.KindPostgres}})
	s := newCrashShop(t, stack.Addresses().Postgres, devstack.Elasticsearch(t), "freeze")
	s.edit(t, "max_bulk_mb_s: 4", "max_bulk_mb_s: 1")
	s.sql(t, crashTables)
	run := s.humpty(t, "rebuild", "orders", "--progress-interval", "200ms")
	until := lines(t, run)
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	until("load      ")
	if err := run.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	until("")
	if err := run.Wait(); code(err) != 143 {
		t.Fatal(err)
	}
	s.call.run(t.Context(), "prune", "orders", "--yes").want(t, 0, " stays: humpty resume ", "--stopped gives it up")
	s.call.run(t.Context(), "prune", "orders", "--yes", "--stopped").want(t, 0, "dropped "+s.alias)
	s.call.run(t.Context(), "resume").want(t, 4, "no stopped run is known")
	s.sql(t, "DO $$ BEGIN IF EXISTS (SELECT FROM pg_replication_slots) OR EXISTS (SELECT FROM pg_publication) THEN RAISE 'something is left'; END IF; END $$")
}
