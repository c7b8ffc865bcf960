package cdc

import (
	"context"
	"encoding/binary"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/zeebo/xxh3"

	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// pollEvery is how often it is looked for what was written; more seldom where that takes
// more than a tenth of it.
const pollEvery = time.Second

// pollingStream is a stream of what a column tells. Nothing of it is on the source.
type pollingStream struct {
	controlSession
	column *TimestampColumn
	tables []trackedTable
	limits string

	from     string              // the server's time before the last look
	seen     map[uint64]struct{} // rows that it met, as they were
	ready    []sources.ChangeSet
	interval time.Duration

	wake   chan struct{} // holds one when a fence was set
	mu     sync.Mutex
	fences []string
	count  int
}

// StartPolling begins to look for what is written from now on, or from a position. db is the
// stream's where there is no error.
func StartPolling(ctx context.Context, db *session.Session, t *query.Tree, column TimestampColumn, from sources.Position) (*pollingStream, error) {
	f := &pollingStream{controlSession: newControlSession(db), column: &column, seen: map[uint64]struct{}{}, wake: make(chan struct{}, 1)}
	var others []string
	var err error
	if f.tables, others, err = trackedTables(t, column.Column); err != nil {
		return nil, err
	}
	f.limits = column.limits(f.tables, others)
	rows, err := db.Rows(ctx, "select coalesce(nullif($1, '')::timestamptz, pg_catalog.clock_timestamp())::text", string(from))
	if err != nil {
		return nil, err
	}
	f.from = rows[0][0]
	return f, nil
}

// Caveats implements sources.Caveated.
func (s *pollingStream) Caveats() string { return s.limits }

// Next implements sources.ChangeStream.
func (s *pollingStream) Next(ctx context.Context, m *sources.ChangeSet) error {
	for len(s.ready) == 0 {
		timer := time.NewTimer(s.interval)
		select {
		case <-timer.C:
		case <-s.wake:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		timer.Stop()
		s.mu.Lock()
		fences := s.fences // set before it is looked
		s.fences = nil
		s.mu.Unlock()
		began := time.Now()
		if err := s.poll(ctx); err != nil {
			return err
		}
		s.interval = max(pollEvery, 10*time.Since(began))
		for _, id := range fences {
			s.ready = append(s.ready, sources.ChangeSet{Fence: id, Position: sources.Position(s.from)})
		}
	}
	*m, s.ready = s.ready[0], s.ready[1:]
	return nil
}

// poll reads what was written since the last poll, and a margin before it. What was met
// then, and has not changed, is not marked again.
func (s *pollingStream) poll(ctx context.Context) error {
	s.lock <- struct{}{}
	defer func() { <-s.lock }()
	rows, err := s.db.Rows(ctx, "select pg_catalog.clock_timestamp()::text, ($1::timestamptz - $2::interval)::text", s.from, session.Millis(s.column.Margin)+" ms")
	if err != nil {
		return fmt.Errorf("%s: its time: %w", s.db.Name, err)
	}
	var all []sources.DirtyKey
	seen := map[uint64]struct{}{}
	for i := range s.tables {
		c := &s.tables[i]
		if err := s.changedRows(ctx, c, uint64(i), rows[0][1], func(hash uint64, texts []string) {
			seen[hash] = struct{}{}
			if _, met := s.seen[hash]; !met {
				all = append(all, c.markOfRow(texts))
			}
		}); err != nil {
			return fmt.Errorf("look for what was written to %s: %w", c.Relation().Label, err)
		}
	}
	for len(all) > marksAtOnce {
		s.ready = append(s.ready, sources.ChangeSet{Keys: all[:marksAtOnce], Position: sources.Position(s.from)})
		all = all[marksAtOnce:]
	}
	s.from, s.seen = rows[0][0], seen
	if len(all) > 0 {
		s.ready = append(s.ready, sources.ChangeSet{Keys: all, Position: sources.Position(s.from)})
	}
	return nil
}

// changedRows gives the rows of a table that were written from a time on.
func (s *pollingStream) changedRows(ctx context.Context, c *trackedTable, table uint64, from string, fn func(hash uint64, texts []string)) error {
	defer s.db.CancelWith(ctx)()
	s.db.Queue([]byte(c.since(s.column.Column, from)))
	if err := s.db.Flush(); err != nil {
		return err
	}
	spans, texts := make([]session.Span, len(c.Columns)+1), make([]string, len(c.Columns)+1)
	for {
		row, err := s.db.Row()
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		if row == nil {
			s.db.Done()
			return nil
		}
		if err := session.SplitRow(row, spans); err != nil {
			return err
		}
		for i := range spans {
			texts[i] = string(spans[i].Of(row))
		}
		hash := xxh3.HashString(strings.Join(texts, "\x00"))
		hash = xxh3.HashSeed(binary.LittleEndian.AppendUint64(nil, hash), table)
		fn(hash, texts[:len(c.Columns)])
	}
}

// Acknowledge does nothing: nothing is held on the source.
func (s *pollingStream) Acknowledge(context.Context, sources.Position) error { return nil }

// Fence has it looked at once.
func (s *pollingStream) Fence(context.Context) (string, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count++
	id := "updated " + strconv.Itoa(s.count)
	s.fences = append(s.fences, id)
	select {
	case s.wake <- struct{}{}:
	default:
	}
	return id, nil
}

// Lag is not known in bytes: there is no log.
func (s *pollingStream) Lag(context.Context) (behind, held int64, err error) { return 0, 0, nil }

// Close implements sources.ChangeStream.
func (s *pollingStream) Close(ctx context.Context) error {
	defer s.lockUnlessDone(ctx)()
	s.db.Close(ctx)
	return nil
}
