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

// pollingStream is a feed of what a column tells. Nothing of it is on the source.
type pollingStream struct {
	controlSession
	column *TimestampColumn
	tables []trackedTable
	limits string

	from  string              // the server's time before the last look
	seen  map[uint64]struct{} // rows that it met, as they were
	ready []sources.ChangeSet
	pause time.Duration

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
func (f *pollingStream) Caveats() string { return f.limits }

// Next implements sources.ChangeStream.
func (f *pollingStream) Next(ctx context.Context, m *sources.ChangeSet) error {
	for len(f.ready) == 0 {
		timer := time.NewTimer(f.pause)
		select {
		case <-timer.C:
		case <-f.wake:
		case <-ctx.Done():
			timer.Stop()
			return context.Cause(ctx)
		}
		timer.Stop()
		f.mu.Lock()
		fences := f.fences // set before it is looked
		f.fences = nil
		f.mu.Unlock()
		began := time.Now()
		if err := f.poll(ctx); err != nil {
			return err
		}
		f.pause = max(pollEvery, 10*time.Since(began))
		for _, id := range fences {
			f.ready = append(f.ready, sources.ChangeSet{Fence: id, Position: sources.Position(f.from)})
		}
	}
	*m, f.ready = f.ready[0], f.ready[1:]
	return nil
}

// poll reads what was written since the last look, and a margin before it. What was met
// then, and has not changed, is not marked again.
func (f *pollingStream) poll(ctx context.Context) error {
	f.lock <- struct{}{}
	defer func() { <-f.lock }()
	rows, err := f.db.Rows(ctx, "select pg_catalog.clock_timestamp()::text, ($1::timestamptz - $2::interval)::text", f.from, session.Millis(f.column.Margin)+" ms")
	if err != nil {
		return fmt.Errorf("%s: its time: %w", f.db.Name, err)
	}
	var all []sources.DirtyKey
	seen := map[uint64]struct{}{}
	for i := range f.tables {
		c := &f.tables[i]
		if err := f.changedRows(ctx, c, uint64(i), rows[0][1], func(hash uint64, texts []string) {
			seen[hash] = struct{}{}
			if _, met := f.seen[hash]; !met {
				all = append(all, c.markOfRow(texts))
			}
		}); err != nil {
			return fmt.Errorf("look for what was written to %s: %w", c.Relation().Label, err)
		}
	}
	for len(all) > marksAtOnce {
		f.ready = append(f.ready, sources.ChangeSet{Keys: all[:marksAtOnce], Position: sources.Position(f.from)})
		all = all[marksAtOnce:]
	}
	f.from, f.seen = rows[0][0], seen
	if len(all) > 0 {
		f.ready = append(f.ready, sources.ChangeSet{Keys: all, Position: sources.Position(f.from)})
	}
	return nil
}

// changedRows gives the rows of a table that were written from a time on.
func (f *pollingStream) changedRows(ctx context.Context, c *trackedTable, table uint64, from string, fn func(hash uint64, texts []string)) error {
	defer f.db.CancelWith(ctx)()
	f.db.Queue([]byte(c.since(f.column.Column, from)))
	if err := f.db.Flush(); err != nil {
		return err
	}
	spans, texts := make([]session.Span, len(c.Columns)+1), make([]string, len(c.Columns)+1)
	for {
		row, err := f.db.Row()
		if err != nil {
			if ctx.Err() != nil {
				return context.Cause(ctx)
			}
			return err
		}
		if row == nil {
			f.db.Done()
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
func (f *pollingStream) Acknowledge(context.Context, sources.Position) error { return nil }

// Fence has it looked at once.
func (f *pollingStream) Fence(context.Context) (string, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.count++
	id := "updated " + strconv.Itoa(f.count)
	f.fences = append(f.fences, id)
	select {
	case f.wake <- struct{}{}:
	default:
	}
	return id, nil
}

// Lag is not known in bytes: there is no log.
func (f *pollingStream) Lag(context.Context) (behind, held int64, err error) { return 0, 0, nil }

// Close implements sources.ChangeStream.
func (f *pollingStream) Close(ctx context.Context) error {
	defer f.lockUnlessDone(ctx)()
	f.db.Close(ctx)
	return nil
}
