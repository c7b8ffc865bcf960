package rig

import (
	"context"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"humpty/internal/testenv/devstack"
)

// Shop is a small database, an alias of its own, and the program with a configuration for both.
type Shop struct {
	*Database
	*Target
	*Program

	Where string // which orders have documents, as SQL; empty: all
}

// New is a shop on these servers, with the configuration but without tables; the test's
// indices and lease go with the test.
func New(t testing.TB, dsn, es string) *Shop {
	t.Helper()
	s := &Shop{
		Database: &Database{DSN: dsn},
		Target:   &Target{ES: es, Alias: devstack.Name(t)},
		Program:  &Program{File: filepath.Join(t.TempDir(), "humpty.yaml")},
	}
	s.Write(t, "humpty.yaml", Config)
	s.Write(t, "orders.index.json", Index)
	s.Env = map[string]string{
		"SHOP_DSN": dsn, "ES": es, "ALIAS": s.Alias, "HUMPTY_CONFIG": s.File,
		"HUMPTY_STATE": filepath.Join(filepath.Dir(s.File), "state"),
	}
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		for _, path := range []string{"/" + s.Alias + "-*?expand_wildcards=all", "/" + s.Alias + "?ignore_unavailable=true", "/humpty-leases/_doc/" + s.Alias} {
			s.RequestWith(ctx, t, http.MethodDelete, path, "")
		}
	})
	return s
}

// Hold lets this many bulk requests of the program through to the target, and holds those
// behind them: at says when the first is there, release lets all of them go on. So a run
// stays in its load for as long as a test likes.
func (s *Shop) Hold(t testing.TB, through int64) (at <-chan struct{}, release func()) {
	t.Helper()
	to, err := url.Parse(s.ES)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.ErrorLog = log.New(io.Discard, "", 0) //nolint:forbidigo // silent: a client that goes away is part of the tests
	arrived, free := make(chan struct{}), make(chan struct{})
	var seen atomic.Int64
	var once, freed sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_bulk") && seen.Add(1) > through {
			once.Do(func() { close(arrived) })
			<-free
		}
		forward.ServeHTTP(w, r)
	}))
	release = func() { freed.Do(func() { close(free) }) }
	t.Cleanup(server.Close)
	t.Cleanup(release)
	s.Env["ES"] = server.URL
	return arrived, release
}

// ResumeCommand is the process that goes on with what a dead one left, or begins: one that died
// before it wrote anything down leaves only its lease, which is made to run out now.
func (s *Shop) ResumeCommand(t testing.TB, more ...string) *exec.Cmd {
	t.Helper()
	status := s.Run(t, "status", "orders", "--json")
	status.Want(t, 0)
	found := status.Result(t).Projections[0]
	if len(found.Stopped) > 0 {
		return s.Command(t, append([]string{"resume", found.Stopped[0].Run}, more...)...)
	}
	if found.Lease.Held {
		s.Expire(t)
	}
	return s.Command(t, append([]string{"rebuild", "orders"}, more...)...)
}

// LeavesNothing wants all to be gone that a run needed, but for what humpty follow needs:
// slots and publications, blocks and settings, the lease. Then it drops the slots.
func (s *Shop) LeavesNothing(t testing.TB, writer string) {
	t.Helper()
	s.Run(t, "prune", "--yes").Want(t, 0)
	want := 0
	if writer == "follow" {
		want = 2 // for humpty follow
	}
	var left int
	const ours = `SELECT (SELECT count(*) FROM pg_replication_slots WHERE database = current_database()) + (SELECT count(*) FROM pg_publication)`
	if err := s.Connect(t).QueryRow(t.Context(), ours).Scan(&left); err != nil || left != want {
		t.Errorf("%d slots and publications are left, want %d (%v)", left, want, err)
	}
	if _, settings := s.Request(t, http.MethodGet, "/"+s.Alias+"/_settings?flat_settings=true", ""); strings.Contains(settings, "index.blocks") || strings.Contains(settings, "gc_deletes") {
		t.Errorf("the index that serves has %s", settings)
	}
	if _, lease := s.Request(t, http.MethodGet, "/humpty-leases/_doc/"+s.Alias, ""); !strings.Contains(lease, `"expires":"0001-`) {
		t.Errorf("the lease is %s", lease)
	}
	s.SQL(t, "SELECT pg_drop_replication_slot(slot_name) FROM pg_replication_slots WHERE database = current_database()")
}
