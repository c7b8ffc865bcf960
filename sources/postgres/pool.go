package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// poolOptions say what sessions a pool opens, and how many.
type poolOptions struct {
	DSN            string
	MaxConnections int            // at most this many at once, with the one that holds the snapshot
	Session        sessionOptions // of each
	Replica        *replica       // what sessions of short transactions are held against; nil: the server is no standby
}

// readers is how many partitions are read at once: one connection holds the snapshot.
func (o *poolOptions) readers() int { return max(1, o.MaxConnections-1) }

// pool lends sessions to what reads of one view: all of them in one exported snapshot,
// or, where changes are captured, for short transactions of their own.
type pool struct {
	options  poolOptions
	snapshot string        // empty where slots is not nil
	pid      uint32        // of the session that holds the snapshot
	slots    chan struct{} // without a snapshot: holds one for each session that is lent; an acquire that finds it full waits

	mu              sync.Mutex
	snapshotSession *session   // holds the snapshot; looks keys up; reads too if it is the only one
	idle            []*session // in the snapshot, free
	open            int        // sessions besides the one that holds the snapshot, idle or reading
	lent            bool       // the one that holds the snapshot reads
	closed          bool
}

const (
	beginSQL = "begin isolation level repeatable read read only"
	errorRun = "the snapshot cannot be resumed: start the pass again"
)

// newSnapshotPool begins a transaction on db and exports its snapshot; from now on db is
// the pool's.
func newSnapshotPool(ctx context.Context, db *session, o poolOptions) (*pool, error) {
	if err := db.exec(ctx, beginSQL); err != nil {
		return nil, fmt.Errorf("%s: begin a snapshot: %w", db.name, err)
	}
	rows, err := db.Rows(ctx, "select pg_catalog.pg_export_snapshot()")
	if err != nil {
		return nil, fmt.Errorf("%s: export a snapshot: %w", db.name, err)
	}
	return &pool{options: o, snapshot: rows[0][0], snapshotSession: db, pid: db.pg.PID()}, nil
}

// newLivePool lends sessions for short transactions; from now on db is the pool's.
func newLivePool(db *session, o poolOptions) *pool {
	return &pool{options: o, snapshotSession: db, pid: db.pg.PID(), slots: make(chan struct{}, o.readers())}
}

// isLive reports whether no snapshot is held: each transaction has one of its own.
func (p *pool) isLive() bool { return p.slots != nil }

// lendsOne reports whether a second session can be had only when the first was released.
func (p *pool) lendsOne() bool { return cap(p.slots) == 1 }

// acquire takes a free session, or opens one.
func (p *pool) acquire(ctx context.Context) (db *session, err error) {
	if p.isLive() {
		select {
		case p.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		defer func() {
			if err != nil {
				<-p.slots
			}
		}()
	}
	p.mu.Lock()
	if p.closed {
		p.mu.Unlock()
		return nil, errors.New("the view is closed")
	}
	if n := len(p.idle); n > 0 {
		db := p.idle[n-1]
		p.idle = p.idle[:n-1]
		p.mu.Unlock()
		return db, nil
	}
	if p.options.MaxConnections == 1 && !p.lent {
		if p.snapshotSession.spent {
			p.mu.Unlock()
			return nil, fmt.Errorf("%s: the only session, which holds the snapshot, was interrupted\n    %s", p.snapshotSession.name, errorRun)
		}
		p.lent = true
		p.mu.Unlock()
		return p.snapshotSession, nil
	}
	if p.open >= p.options.MaxConnections-1 {
		p.mu.Unlock()
		return nil, fmt.Errorf("%d partitions are being read already, as many as max_connections allows", p.options.readers())
	}
	p.open++
	p.mu.Unlock()
	if db, err = p.newSession(ctx); err != nil {
		p.mu.Lock()
		p.open--
		p.mu.Unlock()
	}
	return db, err
}

// newSession opens a session that reads in the pool's snapshot.
func (p *pool) newSession(ctx context.Context) (*session, error) {
	db, err := connect(ctx, p.options.DSN, p.options.Session)
	if err != nil {
		return nil, err
	}
	if p.isLive() {
		if p.options.Replica == nil {
			return db, nil
		}
		if err := p.options.Replica.admit(ctx, db); err != nil {
			db.close(ctx)
			return nil, err
		}
		return db, nil
	}
	err = db.exec(ctx, beginSQL+"; set transaction snapshot "+quoteLiteral(p.snapshot))
	if err != nil {
		db.close(ctx)
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return nil, fmt.Errorf("%s: the session that holds the snapshot (pid %d) is gone: %w\n    %s", db.name, p.pid, err, errorRun)
		}
		return nil, fmt.Errorf("%s: join the snapshot: %w", db.name, err)
	}
	return db, nil
}

// release takes a session back; one that stopped in the middle of a query is closed.
func (p *pool) release(ctx context.Context, db *session) {
	if p.isLive() {
		defer func() { <-p.slots }()
	}
	p.mu.Lock()
	if db == p.snapshotSession {
		p.lent = false
		p.mu.Unlock()
		return
	}
	if !db.spent && !p.closed {
		p.idle = append(p.idle, db)
		p.mu.Unlock()
		return
	}
	p.open--
	p.mu.Unlock()
	db.close(ctx)
}

// holder is the session that holds the snapshot, for what is read between partitions. It
// stays the pool's, and has one user at a time.
func (p *pool) holder(ctx context.Context) (*session, error) {
	p.mu.Lock()
	busy, db := p.lent, p.snapshotSession
	p.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case db == nil:
		return nil, errors.New("the view is closed")
	case busy:
		return nil, errors.New("the only connection reads a partition: looking up keys beside it takes max_connections of 2 or more")
	case db.spent:
		return nil, fmt.Errorf("%s: the session that holds the snapshot (pid %d) was interrupted\n    %s", db.name, p.pid, errorRun)
	}
	return db, nil
}

// close closes the sessions that are free; one that is lent is closed when it is released.
func (p *pool) close(ctx context.Context) {
	p.mu.Lock()
	idle, holder := p.idle, p.snapshotSession
	p.idle, p.snapshotSession, p.closed = nil, nil, true
	p.mu.Unlock()
	for _, db := range idle {
		db.close(ctx)
	}
	if holder != nil {
		holder.close(ctx)
	}
}
