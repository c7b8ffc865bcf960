package devstack

import (
	"errors"
	"os"
	"strings"
	"syscall"
	"testing"

	"github.com/jackc/pgx/v5"
	"golang.org/x/sync/errgroup"
)

func envOf(f folders) string { return "HUMPTY_DEVSTACK=" + f.state }

func gone(dir string) func() bool {
	return func() bool {
		_, err := os.Stat(dir)
		return errors.Is(err, os.ErrNotExist)
	}
}

func answers(t *testing.T, dsn string) bool {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		return false
	}
	return conn.Close(t.Context()) == nil
}

func TestClientsShareOneStackThatEndsWithTheLast(t *testing.T) {
	t.Parallel()
	skipShort(t)
	f := ownState(t)
	var clients [3]*helper
	var g errgroup.Group
	for i := range clients { // at the same instant, with nothing running
		g.Go(func() error {
			clients[i] = newHelper(t, "share", envOf(f))
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		if c.said.Addresses.Postgres != clients[0].said.Addresses.Postgres {
			t.Errorf("one client has %s, another %s", c.said.Addresses.Postgres, clients[0].said.Addresses.Postgres)
		}
	}
	list, err := f.each(t.Context(), actStatus, nil)
	if err != nil || len(list) != 1 || list[0].Clients != 3 {
		t.Fatalf("what runs: %+v, %v; want one stack of three clients", list, err)
	}
	if len(list[0].Servers) != 1 || list[0].Servers[0].Kind != KindPostgres {
		t.Errorf("servers %+v; want only the one that was asked for", list[0].Servers)
	}
	clients[0].leave(t)
	clients[1].crash(t)
	await(t, "two have gone", func() bool {
		list, err = f.each(t.Context(), actStatus, nil)
		return err == nil && len(list) == 1 && list[0].Clients == 1
	})
	if !answers(t, clients[2].said.Addresses.Postgres) {
		t.Error("the server ended while a client was left")
	}
	clients[2].crash(t)
	await(t, "the stack is gone", gone(list[0].Dir))
	if answers(t, clients[2].said.Addresses.Postgres) {
		t.Error("the server lives on")
	}
}

func TestDeadServerIsStartedAgain(t *testing.T) {
	t.Parallel()
	skipShort(t)
	f := ownState(t)
	c := newHelper(t, "share", envOf(f))
	list, err := f.each(t.Context(), actStatus, nil)
	if err != nil || len(list) != 1 || len(list[0].Servers) != 1 {
		t.Fatalf("what runs: %+v, %v", list, err)
	}
	if err := syscall.Kill(-list[0].Servers[0].Group, syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	await(t, "the server is dead", func() bool { return !answers(t, c.said.Addresses.Postgres) })
	other := newHelper(t, "share", envOf(f))
	if !answers(t, other.said.Addresses.Postgres) {
		t.Error("it was not started again")
	}
	if _, err := f.each(t.Context(), actDown, nil); err != nil {
		t.Error(err)
	}
	if !gone(list[0].Dir)() {
		t.Error("down returned before the end")
	}
	c.crash(t)
	other.crash(t)
}

func TestSupervisorOfOtherCodeIsRefused(t *testing.T) {
	t.Parallel()
	skipShort(t)
	f := ownState(t)
	s, err := sharedIn(f)
	if err != nil {
		t.Fatal(err)
	}
	program, err := s.build(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	s.version, s.dir = "othercode", s.dir+"-other"
	if err := os.Link(program, f.supervisor(s.version)); err != nil {
		t.Fatal(err)
	}
	_, _, err = s.start(t.Context(), actStart, []Kind{KindPostgres}, nil)
	if err == nil || !strings.Contains(err.Error(), "the code of devstack changed") {
		t.Errorf("error %v", err)
	}
	if _, err := os.Stat(f.supervisor(s.version)); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("its program is still there: %v", err)
	}
}
