package main

import (
	"context"
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"

	"humpty/bench/internal/raw"
	"humpty/bench/internal/result"
	"humpty/internal/testenv/devstack"
)

// postgresSettings are plausible for a database of this size on a small machine.
// Autovacuum is off: it would work beside some measurements and not beside others.
func postgresSettings() []string {
	return []string{
		"shared_buffers = 512MB", "effective_cache_size = 4GB", "work_mem = 32MB", "maintenance_work_mem = 256MB",
		"checkpoint_timeout = 15min", "max_wal_size = 8GB", "autovacuum = off",
	}
}

// searchSettings keep a nearly full disk from stopping a measurement.
func searchSettings() []string {
	return []string{"cluster.routing.allocation.disk.threshold_enabled: false"}
}

// productKafka asks for a broker where search servers are asked for.
const productKafka = "kafka"

// servers are where a run finds everything.
type servers struct {
	stack  *devstack.Stack
	dsn    string            // of the bench's own database
	search map[string]string // product → URL
	kafka  string            // host:port
}

// startServers starts what no flag names. products are the search servers wanted.
func startServers(ctx context.Context, f serverFlags, say func(string, ...any), products ...string) (*servers, error) {
	s := &servers{dsn: f.postgres, search: map[string]string{}}
	given := map[string]string{"elasticsearch": f.elasticsearch, "opensearch": f.opensearch}
	o := devstack.Options{
		Heap: f.heap, Durable: !f.volatile, Config: map[devstack.Kind][]string{},
		Progress: func(p devstack.Progress) { say("%s %s %s", p.Step, p.Server, p.Detail) },
	}
	if s.dsn == "" {
		o.Servers = append(o.Servers, devstack.KindPostgres)
		o.Config[devstack.KindPostgres] = postgresSettings()
	}
	for _, product := range products {
		if product == productKafka {
			if s.kafka = f.kafka; s.kafka == "" {
				o.Servers = append(o.Servers, devstack.KindKafka)
			}
			continue
		}
		if s.search[product] = strings.TrimSuffix(given[product], "/"); s.search[product] == "" {
			o.Servers = append(o.Servers, devstack.Kind(product))
			o.Config[devstack.Kind(product)] = searchSettings()
		}
	}
	if len(o.Servers) > 0 {
		stack, err := devstack.Start(ctx, o)
		if err != nil {
			return nil, err
		}
		s.stack = stack
		s.useAddresses(stack.Addresses())
	}
	return s, s.database(ctx, f.database)
}

func (s *servers) useAddresses(a devstack.Addresses) {
	if a.Postgres != "" {
		s.dsn = a.Postgres
	}
	if len(a.Kafka) > 0 {
		s.kafka = a.Kafka[0]
	}
	for product, address := range map[string]string{"elasticsearch": a.Elasticsearch, "opensearch": a.OpenSearch} {
		if address != "" {
			s.search[product] = address
		}
	}
}

func (s *servers) close() error {
	if s.stack == nil {
		return nil
	}
	return s.stack.Close()
}

// database makes the bench's own database if it is missing and points the DSN at it: the
// data set replaces a whole schema, which must never be somebody else's.
func (s *servers) database(ctx context.Context, name string) error {
	u, err := url.Parse(s.dsn)
	if err != nil || u.Scheme == "" {
		return fmt.Errorf("--postgres must be a URL, postgres://user@host:port/database")
	}
	conn, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	var exists bool
	err = conn.QueryRow(ctx, "SELECT EXISTS (SELECT FROM pg_database WHERE datname = $1)", name).Scan(&exists)
	if err == nil && !exists {
		_, err = conn.Exec(ctx, "CREATE DATABASE "+pgx.Identifier{name}.Sanitize()+" TEMPLATE template0 ENCODING 'UTF8'")
	}
	if err != nil {
		return fmt.Errorf("create database %s: %w", name, err)
	}
	u.Path = "/" + name
	s.dsn = u.String()
	return nil
}

// describe notes versions and settings in the stamp of the results.
func (s *servers) describe(ctx context.Context, stamp *result.Stamp) error {
	conn, err := pgx.Connect(ctx, s.dsn)
	if err != nil {
		return fmt.Errorf("connect to PostgreSQL: %w", err)
	}
	defer conn.Close(context.WithoutCancel(ctx))
	for _, name := range []string{"shared_buffers", "fsync", "work_mem", "max_parallel_workers_per_gather", "jit"} {
		var value string
		if err := conn.QueryRow(ctx, "SELECT current_setting($1)", name).Scan(&value); err != nil {
			return fmt.Errorf("read PostgreSQL's settings: %w", err)
		}
		stamp.Servers["postgres."+name] = value
	}
	stamp.Versions["postgres"], _, _ = strings.Cut(conn.PgConn().ParameterStatus("server_version"), " ")
	for product, address := range s.search {
		if err := describeSearch(ctx, product, address, stamp); err != nil {
			return fmt.Errorf("read the settings of %s: %w", product, err)
		}
	}
	return nil
}

func describeSearch(ctx context.Context, product, address string, stamp *result.Stamp) error {
	search := raw.NewSearch(address)
	defer search.Close()
	var answer struct {
		Nodes map[string]struct {
			Version string `json:"version"`
			JVM     struct {
				Version string `json:"version"`
				Memory  struct {
					Heap int64 `json:"heap_max_in_bytes"`
				} `json:"mem"`
			} `json:"jvm"`
		} `json:"nodes"`
	}
	if err := search.Get(ctx, "/_nodes/jvm", &answer); err != nil {
		return err
	}
	for _, n := range answer.Nodes {
		stamp.Versions[product] = n.Version
		stamp.Servers[product+".java"] = n.JVM.Version
		stamp.Servers[product+".heap"] = fmt.Sprintf("%dMB", n.JVM.Memory.Heap>>20)
	}
	stamp.Servers[product+".nodes"] = fmt.Sprint(len(answer.Nodes))
	return nil
}

// describeIndex notes the settings that decide how durable writes are while a load runs.
func describeIndex(ctx context.Context, search *raw.Search, product, index string, stamp *result.Stamp) error {
	var answer map[string]struct {
		Settings map[string]any `json:"settings"`
	}
	if err := search.Get(ctx, "/"+index+"/_settings?flat_settings=true", &answer); err != nil {
		return err
	}
	for name, value := range answer[index].Settings {
		if slices.Contains([]string{
			"index.refresh_interval", "index.number_of_replicas", "index.translog.durability", "index.translog.flush_threshold_size",
		}, name) {
			stamp.Servers[product+"."+strings.TrimPrefix(name, "index.")] = fmt.Sprint(value)
		}
	}
	return nil
}
