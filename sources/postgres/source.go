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
// are captured, short transactions of their own, and not on a replica: that may be behind
// the start of the capture, and does not tell which transactions it has yet to see.
func (s *Source) Open(ctx context.Context) (sources.View, error) {
	s.mu.Lock()
	live, planned, config := s.live, s.planned, s.config
	s.mu.Unlock()
	if config.live = live; live {
		config.ReadDSN = ""
	}
	db, err := connect(ctx, config.readDSN(), &config)
	if err != nil {
		return nil, err
	}
	t, _, err := compile(ctx, db, &config)
	if err != nil {
		db.close(ctx)
		return nil, err
	}
	err = t.since(planned)
	if err != nil {
		db.close(ctx)
		return nil, err
	}
	open := openView
	if live {
		open = openLive
	}
	v, err := open(ctx, db, &config, t)
	if err != nil {
		db.close(ctx)
		return nil, err
	}
	return v, nil
}
