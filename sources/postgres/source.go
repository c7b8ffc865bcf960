package postgres

import (
	"context"
	"sync"

	"humpty/sources"
)

// Source reads the documents of one projection from PostgreSQL.
type Source struct {
	config Config

	mu      sync.Mutex
	planned *tree // when last planned
}

// New checks the options; it does not connect.
func New(c Config) (*Source, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Source{config: c}, nil
}

// Open implements sources.Source: one exported snapshot for all readers.
func (s *Source) Open(ctx context.Context) (sources.View, error) {
	db, err := connect(ctx, s.config.readDSN(), &s.config)
	if err != nil {
		return nil, err
	}
	t, _, err := compile(ctx, db, &s.config)
	if err != nil {
		db.close(ctx)
		return nil, err
	}
	s.mu.Lock()
	err = t.since(s.planned)
	s.mu.Unlock()
	if err != nil {
		db.close(ctx)
		return nil, err
	}
	v, err := openView(ctx, db, &s.config, t)
	if err != nil {
		db.close(ctx)
		return nil, err
	}
	return v, nil
}
