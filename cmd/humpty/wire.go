package main

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/ndjson"
	"humpty/sinks/null"
	"humpty/sources"
	"humpty/sources/postgres"
)

// definition is a projection as the engine takes it.
func definition(p config.Projection) projector.Projection {
	policy := projector.VerifyPolicy{Level: projector.Level(p.Verify.Level), Budget: p.Verify.Budget, Ignore: p.Verify.Ignore}
	for _, q := range p.Verify.Queries {
		policy.Queries = append(policy.Queries, verify.Query(q))
	}
	return projector.Projection{
		Name: p.Name, Alias: p.Alias, Index: p.Index, Hash: p.Hash, Text: p.Definition, Versions: p.Versions, Keep: p.Keep,
		Verify: policy,
		Limits: projector.Limits{
			Rejections: p.Limits.Rejections, InFlight: p.Limits.InFlight,
			Writers: p.Limits.Writers, Batch: int(p.Limits.Batch),
		},
	}
}

// openSource makes the source of a projection; it does not connect.
func openSource(c *config.Config, p config.Projection) (sources.Source, error) {
	s := c.Source(p.Source)
	pg := s.Postgres
	for _, dsn := range []config.Secret{pg.DSN, pg.ReadDSN} {
		if _, err := pgconn.ParseConfig(dsn.Reveal()); err != nil {
			var l problem.List
			l.Add(s.Place, "write postgres://user:password@host:5432/database, or host=… dbname=… user=…",
				"the dsn of source %s is no connection string: %s", s.Name, config.RedactDSN(dsn.Reveal()))
			return nil, l
		}
	}
	return postgres.New(postgres.Config{
		DSN: pg.DSN.Reveal(), ReadDSN: pg.ReadDSN.Reveal(), Shape: p.Document,
		MaxConnections: pg.MaxConnections, StatementTimeout: pg.StatementTimeout, LockTimeout: pg.LockTimeout,
		MaxRows: pg.MaxRows, MaxBytes: pg.MaxBytes,
		NotFinite: postgres.NotFinite(p.Infinite), Memory: pg.Memory,
	})
}

// openTarget connects to the target of a projection. waiting is told why a write waits;
// it may be nil.
func openTarget(ctx context.Context, c *config.Config, p config.Projection, waiting func(string)) (sinks.Target, error) {
	t := c.Target(p.Target)
	switch t.Kind {
	case "elasticsearch", "opensearch":
		s := t.Search
		return elastic.Dial(ctx, elastic.Config{
			Addresses: s.Addresses, Alias: p.Alias,
			Username: s.Username, Password: s.Password.Reveal(), APIKey: s.APIKey.Reveal(), Bearer: s.Bearer.Reveal(),
			CA: s.CA, Cert: s.Cert, Key: s.Key, ClusterUUID: s.ClusterUUID, Gzip: s.Gzip,
			Connections: max(16, 2*p.Limits.Writers), Waiting: waiting,
		})
	case "ndjson":
		return ndjson.New(t.Dir, p.Alias)
	default:
		return null.New(p.Alias), nil
	}
}

// owner says who this is, for the lease.
func owner(verb string) sinks.Owner {
	host, err := os.Hostname()
	if err != nil {
		host = "unknown"
	}
	return sinks.Owner{
		Run:  time.Now().UTC().Format("20060102t150405") + "-" + strings.ToLower(rand.Text()[:6]),
		Host: host, PID: os.Getpid(), Verb: verb,
		User: cmp.Or(os.Getenv("USER"), os.Getenv("LOGNAME"), fmt.Sprintf("uid %d", os.Getuid())),
	}
}

// manage opens what changes an alias outside a rebuild.
func manage(ctx context.Context, c *config.Config, p config.Projection, verb string) (*projector.Manage, error) {
	target, err := openTarget(ctx, c, p, nil)
	if err != nil {
		return nil, err
	}
	return &projector.Manage{Projection: definition(p), Target: target, Owner: owner(verb)}, nil
}
