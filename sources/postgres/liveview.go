package postgres

import (
	"context"
	"errors"
	"fmt"

	"humpty/sources"
)

var _ sources.Expander = (*view)(nil)

// openLive makes a view whose reads are short transactions: nothing is held on the
// source for longer than a page takes.
func openLive(ctx context.Context, db *session, config *Config, t *tree) (*view, error) {
	v := &view{config: config, tree: t, snapshotSession: db, pid: db.pg.PID(), live: true, slots: make(chan struct{}, max(config.MaxConnections-1, 1))}
	bare := *config
	bare.Memory = -1 // not even an empty table: it may be full at the next lookup
	var err error
	if v.uncached, _, err = compile(ctx, db, &bare); err != nil {
		return nil, err
	}
	_, err = db.inSnapshot(ctx, func() error {
		if err := errors.Join(verifyColumns(ctx, db, v.uncached), verifyColumns(ctx, db, t)); err != nil {
			return err
		}
		v.memory, err = loadMemory(ctx, db, t)
		return err
	})
	return v, err
}

var _ sources.LatestOpener = (*Source)(nil)

// OpenLatest implements sources.LatestOpener.
func (s *Source) OpenLatest(ctx context.Context) (sources.View, error) {
	s.mu.Lock()
	planned, config := s.planned, s.config
	s.mu.Unlock()
	config.Memory, config.MaxConnections = -1, 1 // what is in memory would be of one moment
	config.ReadDSN = ""                          // a standby does not have what was committed just now
	db, err := connect(ctx, config.DSN, &config)
	if err != nil {
		return nil, err
	}
	t, _, err := compile(ctx, db, &config)
	if err == nil {
		err = t.keepTypes(planned)
	}
	if err == nil {
		_, err = db.inSnapshot(ctx, func() error { return verifyColumns(ctx, db, t) })
	}
	if err != nil {
		db.close(ctx)
		return nil, err
	}
	return &view{config: &config, tree: t, uncached: t, snapshotSession: db, pid: db.pg.PID(), live: true, slots: make(chan struct{}, 1)}, nil
}

// inSnapshot does work in a read-only transaction and returns what its snapshot sees. The
// session is spent if the transaction was not ended.
func (s *session) inSnapshot(ctx context.Context, work func() error) (sources.TxSnapshot, error) {
	if s.replica == nil {
		return s.transaction(work)
	}
	at, err := s.replayed(ctx) // before the snapshot is taken
	if err != nil {
		return sources.TxSnapshot{}, err
	}
	_, err = s.transaction(work)
	return s.replica.snapshotAt(at), err
}

func (s *session) transaction(work func() error) (sources.TxSnapshot, error) {
	s.queue([]byte(beginSQL))
	s.queue([]byte(snapshotSQL))
	if err := s.flush(); err != nil {
		return sources.TxSnapshot{}, err
	}
	if err := s.skip(); err != nil {
		return sources.TxSnapshot{}, fmt.Errorf("begin: %w", err)
	}
	saw, err := s.readSnapshot()
	if err != nil {
		return saw, err
	}
	s.done()
	if err := work(); err != nil {
		s.spent = true
		return saw, err
	}
	s.queue([]byte("commit"))
	if err := s.flush(); err != nil {
		return saw, err
	}
	if err := s.skip(); err != nil {
		return saw, fmt.Errorf("commit: %w", err)
	}
	s.done()
	return saw, nil
}

// readSnapshot reads the one row of snapshotSQL.
func (s *session) readSnapshot() (saw sources.TxSnapshot, err error) {
	row, err := s.row()
	if err != nil {
		return saw, fmt.Errorf("read the snapshot: %w", err)
	}
	var only [1]span
	if err := splitRow(row, only[:]); err != nil {
		return saw, fmt.Errorf("read the snapshot: %w", err)
	}
	if saw, err = parseSnapshot(string(only[0].of(row))); err != nil {
		return saw, err
	}
	return saw, s.skip()
}

// lookupLive reads documents by their ids as they are now. Calls run side by side, each
// on a session of its own.
func (v *view) lookupLive(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	db, err := v.acquire(ctx)
	if err != nil {
		return err
	}
	defer v.release(context.WithoutCancel(ctx), db)
	l := newLookup(v.uncached, db, nil, v.config)
	if err := db.waitForReplica(ctx); err != nil {
		return err
	}
	b.Snapshot, err = db.inSnapshot(ctx, func() error { return l.all(ctx, keys, b) })
	if err != nil && ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
