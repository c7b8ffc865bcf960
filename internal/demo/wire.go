package demo

import (
	"context"
	"fmt"
	"os"

	"humpty/internal/config"
	"humpty/projector"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sources/postgres"
)

// wire makes a rebuild of the file's projection, as `humpty rebuild` does.
func wire(ctx context.Context, file, run string) (*projector.Rebuild, error) {
	c, err := config.Load(file, config.Options{})
	if err != nil {
		return nil, err
	}
	p, err := c.Projection("orders")
	if err != nil {
		return nil, err
	}
	from, to := c.Source(p.Source).Postgres, c.Target(p.Target).Search
	source, err := postgres.New(postgres.Config{
		DSN: from.DSN.Reveal(), Shape: p.Document, MaxConnections: from.MaxConnections,
	})
	if err != nil {
		return nil, err
	}
	target, err := elastic.Dial(ctx, elastic.Config{Addresses: to.Addresses, Alias: p.Alias})
	if err != nil {
		return nil, err
	}
	host, err := os.Hostname()
	if err != nil {
		return nil, fmt.Errorf("demo: %w", err)
	}
	return &projector.Rebuild{
		Projection: projector.Projection{
			Name: p.Name, Alias: p.Alias, Index: p.Index, Hash: p.Hash, Versions: p.Versions, Keep: p.Keep,
			Verify: projector.VerifyPolicy{Level: projector.Level(p.Verify.Level), Budget: p.Verify.Budget},
			Limits: projector.Limits{
				Rejections: p.Limits.Rejections, InFlight: p.Limits.InFlight,
				Writers: p.Limits.Writers, Batch: int(p.Limits.Batch),
			},
		},
		Source: source,
		Target: target,
		Owner:  sinks.Owner{Run: run, Host: host, PID: os.Getpid(), Verb: "demo"},
	}, nil
}
