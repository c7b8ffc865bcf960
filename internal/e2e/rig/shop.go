package rig

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"humpty/internal/testenv/devstack"
)

// Shop is a small database, an alias of its own, and a configuration for both.
type Shop struct {
	DSN   string
	ES    string // address of the target
	Alias string
	File  string            // the configuration
	Env   map[string]string // of the program
}

// New is a shop on these servers, with the configuration but without tables; the test's
// indices and lease go with the test.
func New(t testing.TB, dsn, es string) *Shop {
	t.Helper()
	s := &Shop{DSN: dsn, ES: es, Alias: devstack.Name(t), File: filepath.Join(t.TempDir(), "humpty.yaml")}
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

// Write writes a file beside the configuration.
func (s *Shop) Write(t testing.TB, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(s.File), name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// Edit changes the configuration, by pairs of old and new texts; every old one must be there.
func (s *Shop) Edit(t testing.TB, pairs ...string) {
	t.Helper()
	data, err := os.ReadFile(s.File)
	if err != nil {
		t.Fatal(err)
	}
	text := string(data)
	for i := 0; i < len(pairs); i += 2 {
		if !strings.Contains(text, pairs[i]) {
			t.Fatalf("the configuration has no %q", pairs[i])
		}
		text = strings.ReplaceAll(text, pairs[i], pairs[i+1])
	}
	s.Write(t, filepath.Base(s.File), text)
}

// Live lets the shop's projection be rebuilt beside its writers.
func (s *Shop) Live(t testing.TB, writer, more string) {
	t.Helper()
	s.Edit(t, "alias: ${ALIAS}\n", "alias: ${ALIAS}\n    consistency: live\n    writer: "+writer+"\n"+more)
}

// SQL executes statements.
func (s *Shop) SQL(t testing.TB, statements string) {
	t.Helper()
	conn := s.Connect(t)
	if _, err := conn.Exec(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

// Connect is a connection of the test's.
func (s *Shop) Connect(t testing.TB) *pgx.Conn {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.DSN)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close(context.WithoutCancel(t.Context())) })
	return conn
}

// Request talks to the target; it returns the status and the answer.
func (s *Shop) Request(t testing.TB, method, path, body string) (int, string) {
	t.Helper()
	return s.RequestWith(t.Context(), t, method, path, body)
}

// RequestWith is Request with a context of its own, for what comes after the test.
func (s *Shop) RequestWith(ctx context.Context, t testing.TB, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, s.ES+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// Serving is what the alias points to, and how many documents a search finds.
func (s *Shop) Serving(t testing.TB) (index string, documents int) {
	t.Helper()
	status, body := s.Request(t, http.MethodGet, "/_alias/"+s.Alias, "")
	if status == http.StatusNotFound {
		return "", 0
	}
	var aliases map[string]any
	if err := json.Unmarshal([]byte(body), &aliases); err != nil || len(aliases) != 1 {
		t.Fatalf("alias: %d %s", status, body)
	}
	for index = range aliases {
	}
	_, body = s.Request(t, http.MethodGet, "/"+s.Alias+"/_count", "")
	var count struct{ Count int }
	if err := json.Unmarshal([]byte(body), &count); err != nil {
		t.Fatal(err)
	}
	return index, count.Count
}
