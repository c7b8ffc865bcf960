package read

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// Options say how documents are read.
type Options struct {
	PageBytes int  // bytes of documents read at a time by one reader
	LooseKeys bool // keys that are looked up find what PostgreSQL takes for equal

	Throttle *Throttle // of all views together
}

// View is the source in one exported snapshot, which its readers share; or live, where
// each page and each lookup has a snapshot of its own.
type View struct {
	pool    *session.Pool
	options Options

	tree   *query.Tree
	memory *rowArena // the tables of small `one` includes
	types  typeGuard // live: of the tree
	pages  pagePool

	uncached      *query.Tree // live: without tables in memory, which would be of another moment
	uncachedTypes typeGuard   // of it

	lookups sync.Mutex // held while the session that holds the snapshot is used
}

var (
	_ sources.Counter      = (*View)(nil)
	_ sources.Expander     = (*View)(nil)
	_ sources.FlushTracked = (*View)(nil)
)

// Open exports a snapshot on db, checks that it has the columns that were compiled,
// and keeps them from changing: the transaction holds a lock on each table that lets
// everything but DDL through.
func Open(ctx context.Context, db *session.Session, t *query.Tree, p session.PoolOptions, o Options) (*View, error) {
	sessions, err := session.NewSnapshotPool(ctx, db, p)
	if err != nil {
		return nil, err
	}
	if err := t.VerifyColumns(ctx, db); err != nil {
		return nil, err
	}
	v := &View{pool: sessions, options: o, tree: t}
	if v.memory, err = loadMemory(ctx, db, t); err != nil {
		return nil, err
	}
	return v, nil
}

// OpenLive makes a view whose reads are short transactions: nothing is held on the
// source for longer than a page takes. uncached is the tree without tables in memory.
func OpenLive(ctx context.Context, db *session.Session, t, uncached *query.Tree, p session.PoolOptions, o Options) (*View, error) {
	v := &View{
		pool: session.NewLivePool(db, p), options: o,
		tree: t, types: newTypeGuard(t), uncached: uncached, uncachedTypes: newTypeGuard(uncached),
	}
	_, err := db.InSnapshot(ctx, func() (err error) {
		if err := errors.Join(uncached.VerifyColumns(ctx, db), t.VerifyColumns(ctx, db)); err != nil {
			return err
		}
		v.memory, err = loadMemory(ctx, db, t)
		return err
	})
	return v, err
}

// OpenLatest makes a view that looks documents up as they are at each call, over one
// connection, and cannot read partitions. t is a tree without tables in memory.
func OpenLatest(ctx context.Context, db *session.Session, t *query.Tree, p session.PoolOptions, o Options) (*View, error) {
	if _, err := db.InSnapshot(ctx, func() error { return t.VerifyColumns(ctx, db) }); err != nil {
		return nil, err
	}
	return &View{pool: session.NewLivePool(db, p), options: o, tree: t, uncached: t}, nil
}

// Read implements sources.View.
func (v *View) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	lo, err := query.ParseKey(cmp.Or(string(from), p.From), len(v.tree.Root.Key))
	if err != nil {
		return nil, fmt.Errorf("partition %s: from: %w", p.ID, err)
	}
	hi, err := query.ParseKey(p.To, len(v.tree.Root.Key))
	if err != nil {
		return nil, fmt.Errorf("partition %s: to: %w", p.ID, err)
	}
	db, err := v.pool.Acquire(ctx)
	if err != nil {
		return nil, err
	}
	return newReader(v, db, p, lo, hi), nil
}

// Count implements sources.Counter: the rows of the root that pass its filter, which the
// server counts without sending them.
func (v *View) Count(ctx context.Context) (int64, error) {
	db, err := v.pool.Acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer v.pool.Release(context.WithoutCancel(ctx), db)
	label := v.tree.Root.Relation.Label
	rows, err := db.Rows(ctx, "select pg_catalog.count(*) from "+v.tree.Root.Body())
	if err != nil {
		db.CheckClosed()
		if ctx.Err() != nil {
			err = context.Cause(ctx)
		}
		return 0, fmt.Errorf("count %s: %w", label, err)
	}
	n, err := strconv.ParseInt(rows[0][0], 10, 64)
	if err != nil {
		return 0, fmt.Errorf("count %s: %w", label, err)
	}
	return n, nil
}

// Lookup implements sources.Lookup. Calls wait for each other; those of a live view run
// side by side, each on a session of its own.
func (v *View) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	if v.pool.IsLive() {
		return v.lookupLive(ctx, keys, b)
	}
	v.lookups.Lock()
	defer v.lookups.Unlock()
	db, err := v.pool.Holder(ctx)
	if err != nil {
		return err
	}
	return documentError(newLookup(newPage(v.tree, db, v.memory, 4*v.options.PageBytes), v.options.LooseKeys).all(ctx, keys, b))
}

// lookupLive reads documents by their ids as they are now.
func (v *View) lookupLive(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	db, err := v.pool.Acquire(ctx)
	if err != nil {
		return err
	}
	defer v.pool.Release(context.WithoutCancel(ctx), db)
	p := newPage(v.uncached, db, nil, 4*v.options.PageBytes)
	p.types = v.uncachedTypes
	l := newLookup(p, v.options.LooseKeys)
	if err := db.WaitForReplica(ctx); err != nil {
		return err
	}
	b.Snapshot, err = db.InSnapshot(ctx, func() error { return l.all(ctx, keys, b) })
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return documentError(err)
}

// documentError marks an error that the data of a document made: a division by zero, text
// that a cast does not take, an exception of the user's function.
func documentError(err error) error {
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || len(pg.Code) < 2 {
		return err
	}
	switch pg.Code[:2] {
	case "21", "22", "23", "2F", "38", "39", "54", "P0":
		return &sources.DocumentError{Err: err}
	}
	return err
}

// FlushLog implements sources.FlushTracked by the session that holds the snapshot. A live view has
// none: its change stream is asked.
func (v *View) FlushLog() sources.FlushLog {
	if v.pool.IsLive() {
		return nil
	}
	return session.NewFlushLog(func(ctx context.Context, sql string, args ...string) ([]string, error) {
		v.lookups.Lock()
		defer v.lookups.Unlock()
		return v.pool.AskHolder(ctx, sql, args...)
	}, v.pool.AskOnce)
}

// Close implements sources.View.
func (v *View) Close(ctx context.Context) error {
	v.pool.Close(ctx)
	return nil
}
