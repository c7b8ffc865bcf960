package devstack

import (
	"context"
	"crypto/tls"
	"io"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

func TestPrivatePostgresOutlivesKillAndStop(t *testing.T) {
	t.Parallel()
	s := Private(t, Options{Servers: []Kind{KindPostgres}, Durable: true, Config: map[Kind][]string{KindPostgres: {"max_connections = 42"}}})
	dsn := s.Addresses().Postgres
	query(t, dsn, "CREATE TABLE kept AS SELECT 7 AS n")
	if got := query(t, dsn, "SHOW max_connections"); got != "42" {
		t.Errorf("max_connections = %s; Options.Config must win", got)
	}
	for name, end := range map[string]func() error{
		"killed":  func() error { return s.Kill(KindPostgres) },
		"stopped": func() error { return s.Stop(t.Context(), KindPostgres) },
	} {
		if err := end(); err != nil {
			t.Fatal(err)
		}
		if answers(t, dsn) {
			t.Errorf("%s: it still answers", name)
		}
		if err := s.Start(t.Context(), KindPostgres); err != nil {
			t.Fatal(err)
		}
		if got := query(t, dsn, "SELECT n::text FROM kept"); got != "7" {
			t.Errorf("%s and started again: %s; want its data at the same address", name, got)
		}
	}
}

func TestPostgresAsksOthersForTheirPassword(t *testing.T) {
	t.Parallel()
	dsn, role := Postgres(t), Name(t)
	query(t, dsn, "CREATE ROLE "+role+" LOGIN PASSWORD 'right'")
	t.Cleanup(func() { admin(t, context.WithoutCancel(t.Context()), dsn, "DROP ROLE "+role) })
	for password, want := range map[string]bool{"right": true, "wrong": false} {
		if got := answers(t, strings.Replace(dsn, "postgres@", role+":"+password+"@", 1)); got != want {
			t.Errorf("the %s password: let in %v, want %v", password, got, want)
		}
	}
}

func TestPrivateServersWaitForTheirTurn(t *testing.T) {
	t.Parallel()
	f := folders{state: t.TempDir()}
	search := []Kind{KindPostgres, KindOpenSearch}
	first, err := f.awaitTurn(t.Context(), search, time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := f.awaitTurn(t.Context(), search, time.Millisecond); err == nil || !strings.Contains(err.Error(), "other tests held their private servers") {
		t.Errorf("a second search server: %v", err)
	}
	for range 3 {
		if _, err := f.awaitTurn(t.Context(), []Kind{KindPostgres}, time.Minute); err != nil {
			t.Errorf("three others beside it: %v", err)
		}
	}
	if err := first.unlock(); err != nil {
		t.Fatal(err)
	}
	if _, err := f.awaitTurn(t.Context(), search, time.Minute); err != nil {
		t.Errorf("when the first is done: %v", err)
	}
}

func query(t *testing.T, dsn, sql string) string {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	rows, err := conn.Query(t.Context(), sql)
	if err != nil {
		t.Fatal(err)
	}
	texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
	if err != nil {
		t.Fatalf("%s: %v", sql, err)
	}
	return strings.Join(texts, "\n")
}

// A private Elasticsearch with passwords: it is killed and started again.
func TestPrivateElasticsearchWithSecurity(t *testing.T) {
	t.Parallel()
	s := Private(t, Options{
		Servers: []Kind{KindElasticsearch},
		Config:  map[Kind][]string{KindElasticsearch: {"xpack.security.enabled: true"}},
		Files: map[Kind]map[string]string{KindElasticsearch: {
			// the password is devstack
			"users":       "humpty:$2a$10$abcdefghijklmnopqrstuuDYR499rjBezwr9aSciIUomIAaNuR8D.\n",
			"users_roles": "superuser:humpty\n",
		}},
	})
	url := s.Addresses().Elasticsearch
	if code, _ := get(t, url+"/_cluster/health", ""); code != http.StatusUnauthorized {
		t.Errorf("without a password: HTTP %d, want 401", code)
	}
	if err := s.Kill(KindElasticsearch); err != nil {
		t.Fatal(err)
	}
	if err := s.Start(t.Context(), KindElasticsearch); err != nil {
		t.Fatal(err)
	}
	code, body := get(t, url+"/_nodes/jvm?filter_path=**.heap_max_in_bytes", "devstack")
	if code != http.StatusOK || !strings.Contains(body, "536870912") {
		t.Errorf("with the password: HTTP %d %s; want a heap of 512 MB", code, body)
	}
}

func get(t *testing.T, url, password string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if password != "" {
		req.SetBasicAuth("humpty", password)
	}
	client := http.Client{Transport: &http.Transport{DisableKeepAlives: true, TLSClientConfig: &tls.Config{InsecureSkipVerify: true}}} // a test's own server
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, string(body)
}

func TestOwnServersEndWithACrashedProcess(t *testing.T) {
	t.Parallel()
	skipShort(t)
	f := ownState(t)
	h := newHelper(t, "own", envOf(f))
	if !answers(t, h.said.Addresses.Postgres) {
		t.Fatal("no answer")
	}
	h.crash(t)
	l, err := lockAny(t.Context(), h.said.Dir+"/lock") // free when the last server is dead
	if err != nil {
		t.Fatal(err)
	}
	if err := l.unlock(); err != nil {
		t.Fatal(err)
	}
	if answers(t, h.said.Addresses.Postgres) {
		t.Error("the server lives on")
	}
}

func TestKeptServersLiveUntilDown(t *testing.T) {
	t.Parallel()
	skipShort(t)
	f := ownState(t)
	h := newHelper(t, "keep", envOf(f))
	h.crash(t)
	if !answers(t, h.said.Addresses.Postgres) {
		t.Fatal("the server ended with the process that started it")
	}
	list, err := f.kept()
	if err != nil || len(list) != 1 || list[0].Addresses.Postgres != h.said.Addresses.Postgres {
		t.Fatalf("what is kept: %+v, %v", list, err)
	}
	if err := f.removeDead(); err != nil || gone(h.said.Dir)() {
		t.Fatalf("what is kept was swept away: %v", err)
	}
	if err := EndKept(t.Context(), list[0].Dir); err != nil {
		t.Fatal(err)
	}
	if answers(t, h.said.Addresses.Postgres) || !gone(h.said.Dir)() {
		t.Error("down left something")
	}
	if err := EndKept(t.Context(), list[0].Dir); err == nil || !strings.Contains(err.Error(), "is not the folder of a kept stack") {
		t.Errorf("a second time: %v", err)
	}
}

func TestStartThatFailsShowsTheLogAndLeavesNothing(t *testing.T) {
	t.Parallel()
	skipShort(t)
	var steps []Step
	s, err := Start(t.Context(), Options{
		Servers:  []Kind{KindPostgres},
		Config:   map[Kind][]string{KindPostgres: {"no_such_setting = 1"}},
		Progress: func(p Progress) { steps = append(steps, p.Step) },
	})
	if err == nil {
		t.Fatal("no error", s.Close())
	}
	for _, part := range []string{"postgres did not start", "ended: exit status 1", `unrecognized configuration parameter "no_such_setting"`} {
		if !strings.Contains(err.Error(), part) {
			t.Errorf("%q does not say %q", err, part)
		}
	}
	if len(steps) != 1 || steps[0] != Starting {
		t.Errorf("steps %v, want only %s", steps, Starting)
	}
}

func TestEmbeddedPostgresWorks(t *testing.T) {
	t.Parallel()
	skipShort(t)
	s, err := newStack(t.Context(), Options{Servers: []Kind{KindPostgres}})
	if err != nil {
		t.Fatal(err)
	}
	s.servers[KindPostgres].program = &postgres{} // as if none were installed
	if err := s.Start(t.Context(), KindPostgres); err != nil {
		t.Fatal(err, s.Close())
	}
	if got := query(t, s.Addresses().Postgres, "SHOW server_version"); !strings.HasPrefix(got, "17.5") {
		t.Errorf("version %s, want what was brought", got)
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(s.Dir()); err == nil {
		t.Error("Close left the folder")
	}
}
