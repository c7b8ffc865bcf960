package postgres

import (
	"context"
	"sync"
	"time"

	"github.com/jackc/pglogrepl"

	"humpty/sources"
)

// Source reads the documents of one projection from PostgreSQL.
type Source struct {
	config         Config
	captureTimeout time.Duration // with open transactions, when a capture begins

	mu      sync.Mutex
	planned *tree // when last planned
	live    bool  // changes are captured
}

// New checks the options; it does not connect.
func New(c Config) (*Source, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Source{config: c, captureTimeout: max(2*c.LockTimeout, time.Minute)}
	if c.ReadDSN != "" && c.TimestampColumn == nil {
		s.config.replica = &replica{startTimeout: s.captureTimeout, commits: map[uint64]pglogrepl.LSN{}}
	}
	return s, nil
}

// Open implements sources.Source: one exported snapshot for all readers; while changes
// are captured, short transactions of their own, which on a replica are held against how
// far it has replayed the log. Where a column tells of changes it is both, one after the
// other.
func (s *Source) Open(ctx context.Context) (sources.View, error) {
	s.mu.Lock()
	live := s.live
	s.mu.Unlock()
	v, err := s.open(ctx, live && s.config.TimestampColumn == nil)
	if err != nil {
		return nil, err
	}
	if live && s.config.TimestampColumn != nil {
		return &switchingView{view: v, source: s, switching: make(chan struct{}, 1)}, nil
	}
	return v, nil
}

func (s *Source) open(ctx context.Context, live bool) (*view, error) {
	s.mu.Lock()
	planned, config := s.planned, s.config
	s.mu.Unlock()
	config.live = live
	db, err := connect(ctx, config.readDSN(), &config)
	if err != nil {
		return nil, err
	}
	if live && config.replica != nil {
		if err := config.replica.admit(ctx, db); err != nil {
			db.close(ctx)
			return nil, err
		}
	}
	t, _, err := compile(ctx, db, &config)
	if err != nil {
		db.close(ctx)
		return nil, err
	}
	err = t.keepTypes(planned)
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
