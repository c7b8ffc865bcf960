package postgres

import (
	"context"
	"sync"
	"time"

	"humpty/sources"
)

// Source reads the documents of one projection from PostgreSQL.
type Source struct {
	config   Config
	patience time.Duration // with open transactions, when a capture begins

	mu      sync.Mutex
	planned *tree // when last planned
	live    bool  // changes are captured
}

// New checks the options; it does not connect.
func New(c Config) (*Source, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	return &Source{config: c, patience: max(2*c.LockTimeout, time.Minute)}, nil
}

// Open implements sources.Source: one exported snapshot for all readers; while changes
// are captured, short transactions of their own.
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
	live := s.live
	err = t.since(s.planned)
	s.mu.Unlock()
	if err != nil {
		db.close(ctx)
		return nil, err
	}
	open := openView
	if live {
		open = openLive
	}
	v, err := open(ctx, db, &s.config, t)
	if err != nil {
		db.close(ctx)
		return nil, err
	}
	return v, nil
}
