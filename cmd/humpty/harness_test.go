package main

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/jackc/pgx/v5"

	"humpty/cmd/humpty/internal/console"
	"humpty/internal/e2e/rig"
	"humpty/internal/testenv/devstack"
)

// buffer is a bytes.Buffer that the progress may write to beside the test.
type buffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (b *buffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.Write(p)
}

func (b *buffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.b.String()
}

// call is one command run in this process.
type call struct {
	in       io.Reader
	terminal bool
	env      map[string]string
	signals  chan os.Signal
	exit     func(int)
}

// answer is what a command printed and returned.
type answer struct {
	code     int
	out, err string
}

func (c call) run(ctx context.Context, args ...string) answer {
	var out, errs buffer
	if c.in == nil {
		c.in = strings.NewReader("")
	}
	a := newApp(&console.Console{
		In: c.in, Out: console.NewSink(&out), Err: &errs, InTerminal: c.terminal, ErrTerminal: c.terminal,
		Env: func(name string) (string, bool) { v, ok := c.env[name]; return v, ok },
	}, c.signals, c.exit)
	code := a.run(ctx, args)
	return answer{code: code, out: out.String(), err: errs.String()}
}

// result is the last line of --json; there must be exactly one of its type.
func (a answer) result(t *testing.T) map[string]any {
	t.Helper()
	var last map[string]any
	results := 0
	for _, l := range strings.Split(strings.TrimSuffix(a.out, "\n"), "\n") {
		last = nil
		if err := json.Unmarshal([]byte(l), &last); err != nil {
			t.Fatalf("not a line of JSON: %q: %v", l, err)
		}
		if last["schema"] != 1.0 {
			t.Errorf("a line without schema 1: %s", l)
		}
		if last["type"] == "result" {
			results++
		}
	}
	if results != 1 || last["type"] != "result" {
		t.Fatalf("%d result lines, the last line is %v", results, last)
	}
	if int(last["exit_code"].(float64)) != a.code {
		t.Errorf("the result says %v, the exit code is %d", last["exit_code"], a.code)
	}
	return last
}

func (a answer) want(t *testing.T, code int, texts ...string) {
	t.Helper()
	if a.code != code {
		t.Errorf("exit code %d, want %d", a.code, code)
	}
	for _, text := range texts {
		if !strings.Contains(a.out+a.err, text) {
			t.Errorf("missing %q", text)
		}
	}
	if t.Failed() {
		t.Logf("stdout:\n%s\nstderr:\n%s", a.out, a.err)
	}
}

// shop is a small database, an alias of its own, and a configuration for both.
type shop struct {
	call
	dsn, es, alias, file string
}

const (
	shopTables = rig.Tables
	shopIndex  = rig.Index
	shopConfig = rig.Config
)

func newShop(t *testing.T) *shop {
	t.Helper()
	s := &shop{dsn: devstack.Postgres(t), es: devstack.Elasticsearch(t), alias: devstack.Name(t)}
	dir := t.TempDir()
	s.file = filepath.Join(dir, "humpty.yaml")
	s.write(t, "humpty.yaml", shopConfig)
	s.write(t, "orders.index.json", shopIndex)
	s.env = map[string]string{"SHOP_DSN": s.dsn, "ES": s.es, "ALIAS": s.alias, "HUMPTY_CONFIG": s.file}
	s.sql(t, shopTables)
	t.Cleanup(func() {
		s.request(t, context.WithoutCancel(t.Context()), http.MethodDelete, "/"+s.alias+"-*?expand_wildcards=all", "")
		s.request(t, context.WithoutCancel(t.Context()), http.MethodDelete, "/"+s.alias+"?ignore_unavailable=true", "")
	})
	return s
}

func (s *shop) write(t *testing.T, name, content string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(filepath.Dir(s.file), name), []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

// edit changes the configuration; every old text must be there.
func (s *shop) edit(t *testing.T, pairs ...string) {
	t.Helper()
	data, err := os.ReadFile(s.file)
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
	s.write(t, "humpty.yaml", text)
}

func (s *shop) sql(t *testing.T, statements string) {
	t.Helper()
	conn, err := pgx.Connect(t.Context(), s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(t.Context())
	if _, err := conn.Exec(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
}

// target is the shop's, for what tests ask it themselves.
func (s *shop) target() *rig.Target { return &rig.Target{ES: s.es, Alias: s.alias} }

// request talks to Elasticsearch; it returns the status and the answer.
func (s *shop) request(t *testing.T, ctx context.Context, method, path, body string) (int, string) {
	t.Helper()
	return s.target().RequestWith(ctx, t, method, path, body)
}

// serving is what the alias points to, and how many documents a search finds.
func (s *shop) serving(t *testing.T) (index string, documents int) {
	t.Helper()
	return s.target().Serving(t)
}

// serve puts a server of the test's own in the target's place.
func (s *shop) serve(t *testing.T, handler http.HandlerFunc) {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	s.env["ES"] = server.URL
}
