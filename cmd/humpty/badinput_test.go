package main

import (
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"humpty/internal/testenv/devstack"
)

func TestUnknownTableAndColumn(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.edit(t, "from: shop.line\n", "from: shop.lines\n", "columns: [name]", "columns: [nmae]", "from: shop.orders", "from: shop.orders\n      where: \"no_such > 1\"")
	for _, verb := range []string{"check", "plan", "rebuild"} {
		a := s.run(t.Context(), verb)
		a.want(
			t, 64,
			s.file+":19:21:", "nmae", `19 |           columns: [nmae]`, "name",
			s.file+":", "lines", "no_such", "did you mean name?", "did you mean line?", "correct this, then: humpty check orders",
		)
	}
	r := s.run(t.Context(), "check", "--json").result(t)
	if n := len(r["error"].(map[string]any)["problems"].([]any)); n < 3 {
		t.Errorf("%d problems, not all at once: %v", n, r)
	}
}

func TestIncludeWithoutAnIndex(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.sql(t, "ALTER TABLE line DROP CONSTRAINT line_pkey; INSERT INTO line SELECT i % 300 + 1, i, 'sku', 1 FROM generate_series(4, 40000) i; ANALYZE")
	a := s.run(t.Context(), "check")
	a.want(t, 0, "warning", s.file+":19:9", "table public.line", "has no index on order_id", "CREATE INDEX CONCURRENTLY ON")
	s.run(t.Context(), "plan", "--json").want(t, 0, `"type":"warning"`, "CREATE INDEX")
}

func TestKeyNotUnique(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.edit(t, "from: shop.orders", "from: shop.orders\n      id: customer_id")
	s.run(t.Context(), "rebuild").want(t, 64, "customer_id", "unique", "correct this, then: humpty check orders")
}

func TestForbiddenAlias(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.env["ALIAS"] = "my orders"
	s.run(t.Context(), "rebuild").want(t, 64, s.file+":9:12", `the alias "my orders" has one of the characters`, "write for example my-orders", "correct this, then: humpty check")
}

// closedPort is an address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func TestServersDownAtStart(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	address := closedPort(t)
	working := s.dsn
	s.env["SHOP_DSN"] = "postgres://me:hunter2@" + address + "/shop"
	for _, verb := range []string{"check", "plan", "rebuild"} {
		a := s.run(t.Context(), verb)
		a.want(t, 1, "PostgreSQL", "127.0.0.1", "cannot be reached", "is it running", "see what is reachable: humpty check orders")
		if strings.Contains(a.out+a.err, "hunter2") {
			t.Error("the password is printed")
		}
	}
	s.env["SHOP_DSN"], s.env["ES"] = working, "http://"+address
	for _, verb := range []string{"check", "plan", "rebuild", "status", "swap", "rollback", "prune"} {
		s.run(t.Context(), verb).want(t, 1, "http://"+address, "then again: humpty "+verb+" orders")
	}
	s.env["SHOP_DSN"] = "postgres://me:hunter2@" + address + "/shop"
	both := s.run(t.Context(), "check", "--json")
	both.want(t, 1, "PostgreSQL", "http://"+address)
	if checks := both.result(t)["checks"].([]any); len(checks[0].(map[string]any)["problems"].([]any)) != 2 {
		t.Errorf("not both at once: %v", checks)
	}
}

func TestDatabaseGoesAwayInTheMiddle(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.run(t.Context(), "rebuild").want(t, 0)
	before, _ := s.serving(t)
	s.onFirstBulk(t, func() {
		s.sql(t, "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()")
	})
	s.run(t.Context(), "rebuild").want(t, 1, "the server ended the connection", "then again: humpty rebuild orders")
	if now, documents := s.serving(t); now != before || documents != 300 {
		t.Errorf("serves %s with %d documents", now, documents)
	}
	s.run(t.Context(), "status").want(t, 0, "failed", "nobody works on it")
}

func TestWrongPasswordOfTheDatabase(t *testing.T) {
	t.Parallel()
	hba := filepath.Join(t.TempDir(), "pg_hba.conf")
	save(t, hba, "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n")
	for dir := filepath.Dir(hba); len(dir) > len(os.TempDir()); dir = filepath.Dir(dir) {
		if err := os.Chmod(dir, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.Chmod(hba, 0o644); err != nil {
		t.Fatal(err)
	}
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindPostgres},
		Config:  map[devstack.Kind][]string{devstack.KindPostgres: {fmt.Sprintf("hba_file = '%s'", hba)}},
	})
	s := &shop{dsn: stack.Addresses().Postgres, alias: "orders", file: filepath.Join(t.TempDir(), "humpty.yaml")}
	s.write(t, "humpty.yaml", shopConfig)
	s.write(t, "orders.index.json", shopIndex)
	s.sql(t, shopTables+"CREATE ROLE me LOGIN PASSWORD 'right'; CREATE ROLE poor LOGIN PASSWORD 'right'")
	u, err := url.Parse(s.dsn)
	if err != nil {
		t.Fatal(err)
	}
	s.env = map[string]string{"ES": "http://" + closedPort(t), "ALIAS": "orders", "HUMPTY_CONFIG": s.file}
	u.User = url.UserPassword("me", "hunter2")
	s.env["SHOP_DSN"] = u.String()
	a := s.run(t.Context(), "check")
	a.want(t, 7, "user me", "password authentication failed", "28P01", "set the password in the dsn, PGPASSWORD or ~/.pgpass")
	if strings.Contains(a.out+a.err, "hunter2") {
		t.Error("the password is printed")
	}
	u.User = url.UserPassword("poor", "right")
	s.env["SHOP_DSN"] = u.String()
	s.run(t.Context(), "check").want(t, 64, "user poor may not read", `GRANT SELECT ON "public"."orders" TO "poor";`)
}

func TestRefusedByTheTarget(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	var deny func(r *http.Request) (int, string)
	s.proxy(t, func(w http.ResponseWriter, r *http.Request) bool {
		if status, body := deny(r); status != 0 {
			return refuse(w, status, body)
		}
		return false
	})
	deny = func(*http.Request) (int, string) {
		return 401, `{"error":{"type":"security_exception","reason":"unable to authenticate user [me] for REST request [/]"},"status":401}`
	}
	s.run(t.Context(), "rebuild").want(t, 7, "does not accept the credentials", "check username and password, api_key or bearer", "then: humpty rebuild orders")
	deny = func(r *http.Request) (int, string) {
		if r.Method == http.MethodPut && strings.HasPrefix(r.URL.Path, "/"+s.alias+"-") {
			return 403, `{"error":{"type":"security_exception","reason":"action [indices:admin/create] is unauthorized for user [me]"},"status":403}`
		}
		return 0, ""
	}
	s.run(t.Context(), "rebuild").want(t, 7, "create index "+s.alias+"-", "is unauthorized for user [me]", "create_index")
	deny = func(*http.Request) (int, string) { return 0, "" }
	s.edit(t, `["${ES}"]`, `["${ES}"], cluster_uuid: another`)
	s.run(t.Context(), "rebuild").want(t, 4, "not another (cluster_uuid of the target): nothing was touched", "if this cluster is the right one, set cluster_uuid: ")
}
