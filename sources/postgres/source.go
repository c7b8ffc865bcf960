package postgres

import (
	"context"
	"sync"
	"time"

	"humpty/internal/problem"
	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/read"
	"humpty/sources/postgres/session"
)

// Source reads the documents of one projection from PostgreSQL.
type Source struct {
	config         Config
	throttle       *read.Throttle   // of all views together
	replica        *session.Replica // ReadDSN is read while changes are captured; nil: DSN is
	captureTimeout time.Duration    // with open transactions, when a capture begins

	mu      sync.Mutex
	planned *query.Tree // when last planned
	live    bool        // changes are captured
}

var (
	_ sources.Capturer     = (*Source)(nil)
	_ sources.LatestOpener = (*Source)(nil)
	_ sources.Outages      = (*Source)(nil)
)

// HalfOpenError is the error of a connection on which nothing comes any more, though the
// server has nothing to do for it.
type HalfOpenError = session.HalfOpenError

// LookupShape makes a root of an include whose parent is elsewhere, to be looked up: its
// documents are {NAME: …} with what the include's name holds, and their ids the values of
// the columns that its condition names.
func LookupShape(include sources.Shape) (sources.Shape, error) { return query.LookupShape(include) }

// New checks the options; it does not connect.
func New(c Config) (*Source, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Source{config: c, throttle: read.NewThrottle(c.MaxRows, c.MaxBytes), captureTimeout: max(2*c.LockTimeout, time.Minute)}
	if c.ReadDSN != "" && c.Changes.Column == nil {
		s.replica = session.NewReplica(s.captureTimeout)
	}
	return s, nil
}

// IsUnavailable implements sources.Outages.
func (*Source) IsUnavailable(err error) bool { return session.IsUnavailable(err) }

// Check holds the definition against the catalog, and returns its warnings. It reads no
// rows.
func (s *Source) Check(ctx context.Context) (_ problem.List, err error) {
	db, err := session.Connect(ctx, s.config.readDSN(), s.config.session())
	if err != nil {
		return nil, err
	}
	defer func() { err = db.Named(err) }()
	defer db.Close(ctx)
	t, warnings, err := query.Compile(ctx, db, s.config.query())
	if err != nil {
		return nil, err
	}
	unstable, err := query.UnstableExpressions(ctx, db, t, false)
	return append(warnings, unstable...), err
}

// Open implements sources.Source: one exported snapshot for all readers; while changes
// are captured, short transactions of their own, which on a replica are held against how
// far it has replayed the log. Where a column tells of changes it is both, one after the
// other.
func (s *Source) Open(ctx context.Context) (sources.View, error) {
	s.mu.Lock()
	live := s.live
	s.mu.Unlock()
	v, err := s.open(ctx, live && s.config.Changes.Column == nil)
	if err != nil {
		return nil, err
	}
	if live && s.config.Changes.Column != nil {
		return read.NewSwitchingView(v, func(ctx context.Context) (*read.View, error) { return s.open(ctx, true) }), nil
	}
	return v, nil
}

func (s *Source) open(ctx context.Context, live bool) (_ *read.View, err error) {
	s.mu.Lock()
	planned, config := s.planned, s.config
	s.mu.Unlock()
	db, err := session.Connect(ctx, config.readDSN(), config.session())
	if err != nil {
		return nil, err
	}
	defer func() { err = db.Named(err) }()
	if live && s.replica != nil {
		if err := s.replica.Admit(ctx, db); err != nil {
			db.Close(ctx)
			return nil, err
		}
	}
	t, _, err := query.Compile(ctx, db, config.query())
	if err == nil {
		err = t.KeepTypes(planned)
	}
	if err == nil && live && config.Changes.Column == nil {
		err = t.RefusePolicies()
	}
	var v *read.View
	if err == nil {
		v, err = s.openView(ctx, db, t, live)
	}
	if err != nil {
		db.Close(ctx)
		return nil, err
	}
	return v, nil
}

func (s *Source) openView(ctx context.Context, db *session.Session, t *query.Tree, live bool) (*read.View, error) {
	if !live {
		return read.Open(ctx, db, t, s.sessions(t), s.reading())
	}
	bare := s.config.query()
	bare.Memory = -1 // not even an empty table: it may be full at the next lookup
	uncached, _, err := query.Compile(ctx, db, bare)
	if err != nil {
		return nil, err
	}
	return read.OpenLive(ctx, db, t, uncached, s.sessions(t), s.reading())
}

// OpenLatest implements sources.LatestOpener.
func (s *Source) OpenLatest(ctx context.Context) (_ sources.View, err error) {
	s.mu.Lock()
	planned := s.planned
	s.mu.Unlock()
	o := s.config.query()
	o.Memory = -1                                                     // what is in memory would be of one moment
	db, err := session.Connect(ctx, s.config.DSN, s.config.session()) // a standby does not have what was committed just now
	if err != nil {
		return nil, err
	}
	defer func() { err = db.Named(err) }()
	t, _, err := query.Compile(ctx, db, o)
	if err == nil {
		err = t.KeepTypes(planned)
	}
	var v *read.View
	if err == nil {
		v, err = read.OpenLatest(ctx, db, t, session.PoolOptions{DSN: s.config.DSN, MaxConnections: 1, Session: s.config.sessionFor(t), Replica: s.replica}, s.reading())
	}
	if err != nil {
		db.Close(ctx)
		return nil, err
	}
	return v, nil
}

func (s *Source) sessions(t *query.Tree) session.PoolOptions {
	return session.PoolOptions{DSN: s.config.readDSN(), MaxConnections: s.config.MaxConnections, Session: s.config.sessionFor(t), Replica: s.replica}
}

func (s *Source) reading() read.Options {
	return read.Options{PageBytes: s.config.PageBytes, LooseKeys: s.config.LooseKeys, Throttle: s.throttle}
}
