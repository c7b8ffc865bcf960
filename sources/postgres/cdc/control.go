package cdc

import (
	"context"

	"humpty/sources"
	"humpty/sources/postgres/session"
)

// controlSession is the session of a stream for questions from any goroutine, one at a time.
type controlSession struct {
	db   *session.Session
	lock chan struct{} // held while db is used
}

func newControlSession(db *session.Session) controlSession {
	return controlSession{db: db, lock: make(chan struct{}, 1)}
}

func (c *controlSession) ask(ctx context.Context, sql string, args ...string) ([]string, error) {
	select {
	case c.lock <- struct{}{}:
		defer func() { <-c.lock }()
	case <-ctx.Done():
		return nil, context.Cause(ctx)
	}
	rows, err := c.db.Rows(ctx, sql, args...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// FlushLog implements sources.FlushTracked: the session is older than whatever is read beside the
// stream. Where that is read of a standby the primary is asked, which is more than is needed.
func (c *controlSession) FlushLog() sources.FlushLog { return session.NewFlushLog(c.ask, c.ask) }

// lockUnlessDone waits until nothing uses the session any more, or ctx ends.
func (c *controlSession) lockUnlessDone(ctx context.Context) (unlock func()) {
	select {
	case c.lock <- struct{}{}:
		return func() { <-c.lock }
	case <-ctx.Done():
		return func() {}
	}
}
