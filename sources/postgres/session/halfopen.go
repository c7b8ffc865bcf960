package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// A connection can be half open: nothing comes any more, and no error says so. A query may be silent
// for long as well, and nobody but the server knows. So it is asked, over another
// connection, what the backend does.

// connectTimeout is how long a connection may take to be there, if the dsn has no connect_timeout.
const connectTimeout = 30 * time.Second

// AskTimeout is how long the answer to that question may take.
const AskTimeout = 10 * time.Second

// keepAlive lets the kernel find a machine or network that is gone within 75 s.
var keepAlive = net.KeepAliveConfig{Enable: true, Idle: 15 * time.Second, Interval: 15 * time.Second, Count: 4}

// withDialTimeout bounds how long a connection may take to be there.
func withDialTimeout(config *pgconn.Config) {
	config.ConnectTimeout = cmp.Or(config.ConnectTimeout, connectTimeout)
	config.DialFunc = (&net.Dialer{KeepAliveConfig: keepAlive, Timeout: config.ConnectTimeout}).DialContext
}

// HalfOpenError is the error of a connection on which nothing comes any more, though the server
// has nothing to do for it. It is an outage.
type HalfOpenError struct {
	Name string        // database shop on 10.0.0.1:5432
	For  time.Duration // without a byte
	Why  string
}

func (s *HalfOpenError) Error() string {
	return fmt.Sprintf("%s: nothing has come for %s: %s", s.Name, s.For.Round(100*time.Millisecond), s.Why)
}

// Timeout and Temporary make it a net.Error.
func (*HalfOpenError) Timeout() bool { return true }

// Temporary says that another connection may work.
func (*HalfOpenError) Temporary() bool { return true }

// halfOpenWatch watches the reads of one session.
type halfOpenWatch struct {
	limit  time.Duration
	name   string
	config *pgconn.Config
	pid    string // of the backend; a pooler in between has another
	conn   net.Conn
	timer  *time.Timer
	reads  atomic.Int64 // odd while one is under way
	lost   atomic.Pointer[HalfOpenError]
}

func newHalfOpenWatch(ctx context.Context, config *pgconn.Config, name, pid string, conn net.Conn, after time.Duration) *halfOpenWatch {
	s := &halfOpenWatch{limit: after, name: name, config: config, pid: pid, conn: conn}
	ctx = context.WithoutCancel(ctx) // the reads have contexts of their own
	s.timer = time.AfterFunc(after, func() { s.probe(ctx) })
	s.timer.Stop()
	return s
}

// begin and end go around what waits for an answer, on one goroutine; nil watches nothing.
func (s *halfOpenWatch) begin() {
	if s != nil {
		s.reads.Add(1)
		s.timer.Reset(s.limit)
	}
}

// end gives the reason where the wait was cut off.
func (s *halfOpenWatch) end(err error) error {
	if s == nil {
		return err
	}
	s.timer.Stop()
	s.reads.Add(1)
	if lost := s.lost.Load(); err != nil && lost != nil {
		return errors.Join(lost, err)
	}
	return err
}

// probe runs beside the read, and cuts it off if nothing can come any more.
func (s *halfOpenWatch) probe(ctx context.Context) {
	read := s.reads.Load()
	ctx, cancel := context.WithTimeout(ctx, AskTimeout)
	defer cancel()
	why := s.stalled(ctx)
	switch {
	case s.reads.Load() != read || read%2 == 0: // it went on meanwhile
	case why == "":
		s.timer.Reset(s.limit)
	default:
		s.lost.Store(&HalfOpenError{Name: s.name, For: s.limit, Why: why})
		_ = s.conn.SetDeadline(time.Unix(1, 0))
	}
}

// stalled says why nothing can come, empty if something may.
func (s *halfOpenWatch) stalled(ctx context.Context) string {
	conn, err := pgconn.ConnectConfig(ctx, s.config)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg):
		return "" // it is there; too many connections, perhaps
	case err != nil:
		return "and the server cannot be reached anew: " + err.Error()
	}
	defer conn.Close(ctx)
	res := conn.ExecParams(ctx, "select coalesce(state, ''), coalesce(wait_event, '') from pg_catalog.pg_stat_activity where pid = $1::int4",
		[][]byte{[]byte(s.pid)}, nil, nil, nil).Read()
	switch {
	case res.Err != nil:
		return ""
	case len(res.Rows) == 0 && len(s.config.Fallbacks) > 0:
		return "" // perhaps another server answered
	case len(res.Rows) == 0:
		return "the server has ended the session (pid " + s.pid + ")"
	}
	switch state, waits := string(res.Rows[0][0]), string(res.Rows[0][1]); {
	case strings.HasPrefix(state, "idle"): // "disabled" says nothing (track_activities)
		return "the server is done with it (" + state + "), its answer is lost"
	case waits == "ClientWrite":
		return "the server cannot get rid of its answer"
	}
	return ""
}

// backend asks who serves the session: a pooler answers the connection itself.
func backend(ctx context.Context, pg *pgconn.PgConn) string {
	results, err := pg.Exec(ctx, "select pg_catalog.pg_backend_pid()").ReadAll()
	if err != nil || len(results) != 1 || len(results[0].Rows) != 1 {
		return strconv.FormatUint(uint64(pg.PID()), 10)
	}
	return string(results[0].Rows[0][0])
}
