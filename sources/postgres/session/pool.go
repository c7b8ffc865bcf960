package session

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// PoolOptions say what sessions a pool opens, and how many.
type PoolOptions struct {
	DSN            string
	MaxConnections int      // at most this many at once, with the one that holds the snapshot
	Session        Options  // of each
	Replica        *Replica // what sessions of short transactions are held against; nil: the server is no standby
}

// Readers is how many partitions are read at once: one connection holds the snapshot.
func (o *PoolOptions) Readers() int { return max(1, o.MaxConnections-1) }

// Pool lends sessions to what reads of one view: all of them in one exported snapshot,
// or, where changes are captured, for short transactions of their own.
type Pool struct {
	options  PoolOptions
	snapshot string        // empty where slots is not nil
	pid      uint32        // of the session that holds the snapshot
	slots    chan struct{} // without a snapshot: holds one for each session that is lent; an acquire that finds it full waits

	mu              sync.Mutex
	snapshotSession *Session   // holds the snapshot; looks keys up; reads too if it is the only one
	idle            []*Session // in the snapshot, free
	open            int        // sessions besides the one that holds the snapshot, idle or reading
	holderBusy      bool       // the one that holds the snapshot reads
	closed          bool
}

const (
	beginSQL = "begin isolation level repeatable read read only"
	errorRun = "the snapshot cannot be resumed: start the pass again"
)

// NewSnapshotPool begins a transaction on db and exports its snapshot; from now on db is
// the pool's.
func NewSnapshotPool(ctx context.Context, db *Session, o PoolOptions) (*Pool, error) {
	if err := db.Exec(ctx, beginSQL); err != nil {
		return nil, fmt.Errorf("%s: begin a snapshot: %w", db.Name, err)
	}
	rows, err := db.Rows(ctx, "select pg_catalog.pg_export_snapshot()")
	if err != nil {
		return nil, fmt.Errorf("%s: export a snapshot: %w", db.Name, err)
	}
	return &Pool{options: o, snapshot: rows[0][0], snapshotSession: db, pid: db.pg.PID()}, nil
}

// NewLivePool lends sessions for short transactions; from now on db is the pool's.
func NewLivePool(db *Session, o PoolOptions) *Pool {
	return &Pool{options: o, snapshotSession: db, pid: db.pg.PID(), slots: make(chan struct{}, o.Readers())}
}

// IsLive reports whether no snapshot is held: each transaction has one of its own.
func (p *Pool) IsLive() bool { return p.slots != nil }

// SingleSlot reports whether a second session can be had only when the first was released.
func (p *Pool) SingleSlot() bool { return cap(p.slots) == 1 }

// Acquire takes a free session, or opens one.
func (p *Pool) Acquire(ctx context.Context) (db *Session, err error) {
	if p.IsLive() {
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
	if p.options.MaxConnections == 1 && !p.holderBusy {
		if p.snapshotSession.spent {
			p.mu.Unlock()
			return nil, fmt.Errorf("%s: the only session, which holds the snapshot, was interrupted\n    %s", p.snapshotSession.Name, errorRun)
		}
		p.holderBusy = true
		p.mu.Unlock()
		return p.snapshotSession, nil
	}
	if p.open >= p.options.MaxConnections-1 {
		p.mu.Unlock()
		return nil, fmt.Errorf("%d partitions are being read already, as many as max_connections allows", p.options.Readers())
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
func (p *Pool) newSession(ctx context.Context) (*Session, error) {
	db, err := Connect(ctx, p.options.DSN, p.options.Session)
	if err != nil {
		return nil, err
	}
	if p.IsLive() {
		if p.options.Replica == nil {
			return db, nil
		}
		if err := p.options.Replica.Admit(ctx, db); err != nil {
			db.Close(ctx)
			return nil, err
		}
		return db, nil
	}
	err = db.Exec(ctx, beginSQL+"; set transaction snapshot "+QuoteLiteral(p.snapshot))
	if err != nil {
		db.Close(ctx)
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return nil, fmt.Errorf("%s: the session that holds the snapshot (pid %d) is gone: %w\n    %s", db.Name, p.pid, err, errorRun)
		}
		return nil, fmt.Errorf("%s: join the snapshot: %w", db.Name, err)
	}
	return db, nil
}

// Release takes a session back; one that stopped in the middle of a query is closed.
func (p *Pool) Release(ctx context.Context, db *Session) {
	if p.IsLive() {
		defer func() { <-p.slots }()
	}
	p.mu.Lock()
	if db == p.snapshotSession {
		p.holderBusy = false
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
	db.Close(ctx)
}

// Holder is the session that holds the snapshot, for what is read between partitions. It
// stays the pool's, and has one user at a time.
func (p *Pool) Holder(ctx context.Context) (*Session, error) {
	p.mu.Lock()
	busy, db := p.holderBusy, p.snapshotSession
	p.mu.Unlock()
	switch {
	case ctx.Err() != nil:
		return nil, ctx.Err()
	case db == nil:
		return nil, errors.New("the view is closed")
	case busy:
		return nil, errors.New("the only connection reads a partition: looking up keys beside it takes max_connections of 2 or more")
	case db.spent:
		return nil, fmt.Errorf("%s: the session that holds the snapshot (pid %d) was interrupted\n    %s", db.Name, p.pid, errorRun)
	}
	return db, nil
}

// AskHolder asks for one row by the session that holds the snapshot.
func (p *Pool) AskHolder(ctx context.Context, sql string, args ...string) ([]string, error) {
	db, err := p.Holder(ctx)
	if err != nil {
		return nil, err
	}
	return db.Ask(ctx, sql, args...)
}

// AskOnce asks for one row by a session of its own, outside of the snapshot.
func (p *Pool) AskOnce(ctx context.Context, sql string, args ...string) ([]string, error) {
	db, err := Connect(ctx, p.options.DSN, p.options.Session)
	if err != nil {
		return nil, err
	}
	defer db.Close(ctx)
	return db.Ask(ctx, sql, args...)
}

// Close closes the sessions that are free; one that is lent is closed when it is released.
func (p *Pool) Close(ctx context.Context) {
	p.mu.Lock()
	idle, holder := p.idle, p.snapshotSession
	p.idle, p.snapshotSession, p.closed = nil, nil, true
	p.mu.Unlock()
	for _, db := range idle {
		db.Close(ctx)
	}
	if holder != nil {
		holder.Close(ctx)
	}
}
