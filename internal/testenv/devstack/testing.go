package devstack

import (
	"context"
	"crypto/rand"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
)

// Postgres returns the DSN of a fresh database on the shared PostgreSQL, with
// the rights of a superuser. It is dropped, with its replication slots, when t
// ends. The server has wal_level=logical and the locale C.
func Postgres(t testing.TB) string {
	t.Helper()
	a := claim(t, KindPostgres)
	name := Name(t)
	admin(t, t.Context(), a.Postgres, "CREATE DATABASE "+name+" TEMPLATE template0")
	t.Cleanup(func() {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(t.Context()), 30*time.Second)
		defer cancel()
		admin(t, ctx, a.Postgres,
			"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE active AND database = '"+name+"'",
			"DROP DATABASE "+name+" WITH (FORCE)")
	})
	return strings.Replace(a.Postgres, "/postgres?", "/"+name+"?", 1)
}

// Elasticsearch returns the URL of the shared Elasticsearch, without a trailing
// slash.
func Elasticsearch(t testing.TB) string {
	t.Helper()
	return claim(t, KindElasticsearch).Elasticsearch
}

// OpenSearch returns the URL of the shared OpenSearch, without a trailing slash.
func OpenSearch(t testing.TB) string {
	t.Helper()
	return claim(t, KindOpenSearch).OpenSearch
}

// Kafka returns the bootstrap brokers of the shared Kafka as host:port.
func Kafka(t testing.TB) []string {
	t.Helper()
	return claim(t, KindKafka).Kafka
}

// Name returns another unique name at each call, valid for an index, an alias, a
// topic and unquoted for a database, a table and a role: lower-case letters,
// digits and underscores, at most 50 characters, beginning with a letter and the
// name of the test.
func Name(t testing.TB) string {
	t.Helper()
	clean := strings.Map(func(r rune) rune {
		if r >= 'a' && r <= 'z' || r >= '0' && r <= '9' {
			return r
		}
		return '_'
	}, strings.ToLower(t.Name()))
	return clean[:min(len(clean), 37)] + "_" + strings.ToLower(rand.Text()[:12])
}

// claim claims a server of the shared stack until t ends.
func claim(t testing.TB, k Kind) Addresses {
	t.Helper()
	skipShort(t)
	s, err := findShared()
	if err != nil {
		t.Fatal(err)
	}
	claim, addresses, err := s.start(t.Context(), actStart, []Kind{k}, nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := claim.Close(); err != nil {
			t.Error(err)
		}
	})
	return addresses
}

func skipShort(t testing.TB) {
	t.Helper()
	if testing.Short() {
		t.Skip("needs a real server: run without -short")
	}
}

func admin(t testing.TB, ctx context.Context, dsn string, statements ...string) {
	t.Helper()
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close(ctx)
	for _, sql := range statements {
		if _, err := conn.Exec(ctx, sql); err != nil {
			t.Fatalf("%s: %v", sql, err)
		}
	}
}
