package postgres

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/sources"
)

// view is the source in one exported snapshot, which its readers share.
type view struct {
	config   *Config
	tree     *tree
	snapshot string
	memory   *rowArena // the tables of small `one` includes
	pid      uint32    // of the session that holds the snapshot

	live     bool          // no snapshot is held: each page and each lookup has one of its own
	uncached *tree         // live: without tables in memory, which would be of another moment
	slots    chan struct{} // live: holds one for each session that is lent; who finds it full waits

	lookups         sync.Mutex // held while the hub is used
	mu              sync.Mutex
	snapshotSession *session   // holds the snapshot; looks keys up; reads too if it is the only one
	idle            []*session // in the snapshot, free
	open            int        // sessions beside the hub, idle or reading
	lent            bool       // the hub reads
	closed          bool
}

const (
	beginSQL = "begin isolation level repeatable read read only"
	errorRun = "the snapshot cannot be resumed: start the pass again"
)

// openView exports a snapshot, checks that it has the columns that were compiled, and
// keeps them from changing: the transaction holds a lock on each table that lets
// everything but DDL through.
func openView(ctx context.Context, db *session, config *Config, t *tree) (*view, error) {
	if err := db.exec(ctx, beginSQL); err != nil {
		return nil, fmt.Errorf("%s: begin a snapshot: %w", db.name, err)
	}
	rows, err := db.rows(ctx, "select pg_catalog.pg_export_snapshot()")
	if err != nil {
		return nil, fmt.Errorf("%s: export a snapshot: %w", db.name, err)
	}
	if err := verifyColumns(ctx, db, t); err != nil {
		return nil, err
	}
	v := &view{config: config, tree: t, snapshot: rows[0][0], snapshotSession: db, pid: db.pg.PID()}
	if v.memory, err = loadMemory(ctx, db, t); err != nil {
		return nil, err
	}
	return v, nil
}

// verifyColumns locks the tables of t and compares the types of their columns.
func verifyColumns(ctx context.Context, db *session, t *tree) error {
	for _, n := range t.nodes {
		fields, err := db.describe(ctx, "select "+n.list()+" from "+n.body())
		if isLockTimeout(err) {
			return lockedError(n.rel.label, err)
		}
		if err != nil {
			return fmt.Errorf("table %s was changed since it was planned: %w\n    plan again", n.rel.label, err)
		}
		for i, f := range fields {
			c := &n.cols[i]
			switch {
			case c.result == 0:
				c.result = f.DataTypeOID
			case c.result != f.DataTypeOID:
				return fmt.Errorf("%s changed its type since it was planned\n    plan again", c.label)
			}
		}
	}
	return nil
}

func isLockTimeout(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55P03"
}

func lockedError(table string, err error) error {
	return fmt.Errorf("table %s is locked by another transaction (DDL, VACUUM FULL or LOCK TABLE): %w\n    wait for it, or raise lock_timeout", table, err)
}

// keepTypes takes over the types of the columns as they were planned, if they were.
func (t *tree) keepTypes(planned *tree) error {
	if planned == nil {
		return nil
	}
	for i, was := range planned.nodes {
		n := t.nodes[i] // the shape is the same, and so are its nodes
		for j := range was.cols {
			if j >= len(n.cols) || n.cols[j].label != was.cols[j].label {
				return fmt.Errorf("%s was changed since it was planned: %s is not where it was\n    plan again", n.rel.label, was.cols[j].label)
			}
			n.cols[j].result = was.cols[j].result
		}
		if len(n.cols) > len(was.cols) {
			return fmt.Errorf("%s was changed since it was planned: %s is new\n    plan again", n.rel.label, n.cols[len(was.cols)].label)
		}
	}
	return nil
}

// Read implements sources.View.
func (v *view) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	lo, err := parsePosition(orDefault(string(from), p.From), len(v.tree.root.key))
	if err != nil {
		return nil, fmt.Errorf("partition %s: from: %w", p.ID, err)
	}
	hi, err := parsePosition(p.To, len(v.tree.root.key))
	if err != nil {
		return nil, fmt.Errorf("partition %s: to: %w", p.ID, err)
	}
	db, err := v.acquire(ctx)
	if err != nil {
		return nil, err
	}
	return newReader(v, db, p, lo, hi), nil
}

// acquire takes a free session in the snapshot, or opens one.
func (v *view) acquire(ctx context.Context) (db *session, err error) {
	if v.live {
		select {
		case v.slots <- struct{}{}:
		case <-ctx.Done():
			return nil, context.Cause(ctx)
		}
		defer func() {
			if err != nil {
				<-v.slots
			}
		}()
	}
	v.mu.Lock()
	if v.closed {
		v.mu.Unlock()
		return nil, errors.New("the view is closed")
	}
	if n := len(v.idle); n > 0 {
		db := v.idle[n-1]
		v.idle = v.idle[:n-1]
		v.mu.Unlock()
		return db, nil
	}
	if v.config.MaxConnections == 1 && !v.lent {
		if v.snapshotSession.spent {
			v.mu.Unlock()
			return nil, fmt.Errorf("%s: the only session, which holds the snapshot, was interrupted\n    %s", v.snapshotSession.name, errorRun)
		}
		v.lent = true
		v.mu.Unlock()
		return v.snapshotSession, nil
	}
	if v.open >= v.config.MaxConnections-1 {
		v.mu.Unlock()
		return nil, fmt.Errorf("%d partitions are being read already, as many as max_connections allows", v.config.readers())
	}
	v.open++
	v.mu.Unlock()
	if db, err = v.newSession(ctx); err != nil {
		v.mu.Lock()
		v.open--
		v.mu.Unlock()
	}
	return db, err
}

// newSession opens a session that reads in the view's snapshot.
func (v *view) newSession(ctx context.Context) (*session, error) {
	db, err := connect(ctx, v.config.readDSN(), v.config)
	if err != nil {
		return nil, err
	}
	if v.live {
		if v.config.replica == nil {
			return db, nil
		}
		if err := v.config.replica.admit(ctx, db); err != nil {
			db.close(ctx)
			return nil, err
		}
		return db, nil
	}
	err = db.exec(ctx, beginSQL+"; set transaction snapshot "+quoteLiteral(v.snapshot))
	if err != nil {
		db.close(ctx)
		var pg *pgconn.PgError
		if errors.As(err, &pg) {
			return nil, fmt.Errorf("%s: the session that holds the snapshot (pid %d) is gone: %w\n    %s", db.name, v.pid, err, errorRun)
		}
		return nil, fmt.Errorf("%s: join the snapshot: %w", db.name, err)
	}
	return db, nil
}

// release takes a session back; one that stopped in the middle of a query is closed.
func (v *view) release(ctx context.Context, db *session) {
	if v.live {
		defer func() { <-v.slots }()
	}
	v.mu.Lock()
	if db == v.snapshotSession {
		v.lent = false
		v.mu.Unlock()
		return
	}
	if !db.spent && !v.closed {
		v.idle = append(v.idle, db)
		v.mu.Unlock()
		return
	}
	v.open--
	v.mu.Unlock()
	db.close(ctx)
}

// Close implements sources.View.
func (v *view) Close(ctx context.Context) error {
	v.mu.Lock()
	idle, hub := v.idle, v.snapshotSession
	v.idle, v.snapshotSession, v.closed = nil, nil, true
	v.mu.Unlock()
	for _, db := range idle {
		db.close(ctx)
	}
	if hub != nil {
		hub.close(ctx)
	}
	return nil
}
