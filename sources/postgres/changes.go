package postgres

import (
	"context"
	"fmt"
	"strings"

	"humpty/internal/problem"
	"humpty/sources"
	"humpty/sources/postgres/cdc"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// Capture is what a capture holds on a database: a slot, a publication, or both.
type Capture = cdc.Capture

// TimestampColumn makes a Source that needs no logical decoding tell what changes: by a
// column that the application sets whenever it writes a row.
type TimestampColumn = cdc.TimestampColumn

// Capture implements sources.Capturer by a publication and a logical replication slot, or by
// the column that tells what was written.
func (s *Source) Capture(ctx context.Context, name string, from sources.Position) (_ sources.ChangeStream, err error) {
	dsn := s.config.DSN
	if s.config.Changes.Column != nil {
		dsn = s.config.readDSN()
	}
	db, err := session.Connect(ctx, dsn, s.config.session())
	if err != nil {
		return nil, err
	}
	defer func() { err = db.Named(err) }()
	t, _, err := query.Compile(ctx, db, s.config.query())
	var stream sources.ChangeStream
	switch {
	case err != nil:
	case s.config.Changes.Column != nil:
		stream, err = cdc.StartPolling(ctx, db, t, *s.config.Changes.Column, from)
	default:
		stream, err = cdc.Start(ctx, db, t, name, from, s.capturing())
	}
	if err != nil {
		db.Close(ctx)
		return nil, err
	}
	s.mu.Lock()
	s.live = true
	s.mu.Unlock()
	return stream, nil
}

func (s *Source) capturing() cdc.Options {
	return cdc.Options{
		DSN: s.config.DSN, Publication: s.config.Changes.Publication, LooseKeys: s.config.LooseKeys, Timeout: s.captureTimeout,
		HalfOpenAfter: s.config.HalfOpenAfter, Replica: s.replica,
	}
}

// Release implements sources.Capturer.
func (s *Source) Release(ctx context.Context, name string) (err error) {
	if s.config.Changes.Column != nil {
		return nil
	}
	db, err := session.Connect(ctx, s.config.DSN, s.config.session())
	if err != nil {
		return err
	}
	defer func() { err = db.Named(err) }()
	defer db.Close(ctx)
	return cdc.Drop(ctx, db, name)
}

// Captures lists what captures of humpty's hold on the database, of any projection.
func (s *Source) Captures(ctx context.Context) (_ []Capture, err error) {
	db, err := session.Connect(ctx, s.config.DSN, s.config.session())
	if err != nil {
		return nil, err
	}
	defer func() { err = db.Named(err) }()
	defer db.Close(ctx)
	return cdc.List(ctx, db)
}

// Drop drops a capture by the name that Captures gave.
func (s *Source) Drop(ctx context.Context, name string) error {
	run, ours := strings.CutPrefix(name, "humpty_")
	if !ours {
		return fmt.Errorf("%s is no capture of humpty's", name)
	}
	return s.Release(ctx, run)
}

// Preflight looks at everything that a capture needs of the server and of the tables, and
// changes nothing: errors are what it would fail for, warnings what it would suffer from,
// each with the statement to run. unindexed allows includes that no index reaches: each
// round of catch-up reads their tables whole.
func (s *Source) Preflight(ctx context.Context, unindexed bool) (_ problem.List, err error) {
	db, err := session.Connect(ctx, s.config.DSN, s.config.session())
	if err != nil {
		return nil, err
	}
	defer func() { err = db.Named(err) }()
	defer db.Close(ctx)
	t, _, err := query.Compile(ctx, db, s.config.query())
	if err != nil {
		return nil, err
	}
	found := query.UnindexedJoins(t, unindexed)
	if s.config.Changes.Column != nil {
		return found, nil // what the column means is in every plan
	}
	return cdc.Preflight(ctx, db, t, s.capturing(), found)
}
