package session

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// Session is one connection of ours, with the settings our SQL and decoders rely on.
type Session struct {
	*wire
	Name string // database shop on 10.0.0.1:5432, for messages

	replica  *Replica // it is a standby, which live reads are made of
	policies bool     // row-level security leaves rows out; otherwise a query that it concerns fails
}

// Options are the limits of each session.
type Options struct {
	StatementTimeout time.Duration // of each statement; the server's own where 0
	LockTimeout      time.Duration // waiting for a table locked by others
	HalfOpenAfter    time.Duration // in the middle of an answer, until the server is asked whether one is to come; 30 s where 0
	Policies         bool          // row-level security may leave rows out; otherwise a query that it concerns is an error
}

// DefaultHalfOpenAfter is how long nothing may come before the server is asked.
const DefaultHalfOpenAfter = 30 * time.Second

// Connect opens a session. The password is never part of an error.
func Connect(ctx context.Context, dsn string, o Options) (*Session, error) {
	config, err := pgconn.ParseConfig(dsn)
	if err != nil {
		// pgx's own message repeats the dsn, and masks passwords only as well as it can
		return nil, errors.New("the dsn of the PostgreSQL source cannot be read\n    write postgres://user:password@host:5432/database, or host=… port=… dbname=… user=…")
	}
	if _, set := config.RuntimeParams["application_name"]; !set {
		config.RuntimeParams["application_name"] = "humpty"
	}
	config.RuntimeParams["client_encoding"] = "UTF8"
	return dial(ctx, config, o)
}

// dial opens a session, and keeps the reader that pgx reads through: when a write takes
// longer than 15 ms, pgx begins to read in the background, and may go on with that behind
// the answer. What comes then are our rows, and a read past that reader would miss them.
func dial(ctx context.Context, config *pgconn.Config, o Options) (*Session, error) {
	var in io.Reader
	build := config.BuildFrontend
	config.BuildFrontend = func(r io.Reader, w io.Writer) *pgproto3.Frontend {
		in = r
		return build(r, w)
	}
	withDialTimeout(config)
	name := fmt.Sprintf("database %s on %s", config.Database, net.JoinHostPort(config.Host, strconv.Itoa(int(config.Port))))
	pg, err := pgconn.ConnectConfig(ctx, config)
	if err != nil {
		return nil, connectError(err, config, name)
	}
	s := &Session{wire: newWire(pg, in), Name: name, policies: o.Policies}
	s.role = config.User
	if err := s.Exec(ctx, settings(o)); err != nil {
		s.Close(ctx)
		return nil, fmt.Errorf("%s: prepare the session: %w", name, err)
	}
	asking := config.Copy()
	asking.BuildFrontend = build
	s.halfOpen = newHalfOpenWatch(ctx, asking, name, backend(ctx, pg), pg.Conn(), cmp.Or(o.HalfOpenAfter, DefaultHalfOpenAfter))
	return s, nil
}

func settings(o Options) string {
	sql := `set standard_conforming_strings = on; set datestyle = 'ISO, YMD'; set timezone = 'UTC';
set intervalstyle = 'postgres'; set extra_float_digits = 1; set bytea_output = 'hex'; set jit = off;
set cursor_tuple_fraction = 1; set idle_in_transaction_session_timeout = 0; set lock_timeout = ` + Millis(o.LockTimeout)
	if !o.Policies {
		sql += "; set row_security = off"
	}
	if o.StatementTimeout > 0 {
		sql += "; set statement_timeout = " + Millis(o.StatementTimeout)
	}
	return sql
}

// Millis writes a duration as the settings of the server take it.
func Millis(d time.Duration) string { return strconv.FormatInt(max(1, d.Milliseconds()), 10) }

// connectError says who was not let in where, and what to do.
func connectError(err error, config *pgconn.Config, name string) error {
	who := fmt.Sprintf("PostgreSQL, %s, user %s", name, config.User)
	var pg *pgconn.PgError
	var op *net.OpError
	switch {
	case errors.As(err, &pg):
		return fmt.Errorf("%s: %w\n    %s", who, pg, connectRemedy(pg.Code, config))
	case errors.Is(err, context.Canceled):
		return fmt.Errorf("%s: %w", who, context.Canceled)
	case errors.Is(err, context.DeadlineExceeded):
		return fmt.Errorf("%s: no answer in time: %w\n    check host, port and firewall", who, context.DeadlineExceeded)
	case errors.As(err, &op):
		return fmt.Errorf("%s: cannot be reached: %w\n    is it running, and does it listen there (listen_addresses, port)?", who, op)
	}
	return fmt.Errorf("%s: cannot connect: %w", who, err)
}

func connectRemedy(code string, config *pgconn.Config) string {
	switch code {
	case "28P01", "28000":
		return "wrong password, or pg_hba.conf does not let this user in; set the password in the dsn, PGPASSWORD or ~/.pgpass"
	case "3D000":
		return fmt.Sprintf("there is no database %s; name it in the dsn (…/database) or in PGDATABASE", config.Database)
	case "53300":
		return "the server is out of connections: lower max_connections of the source, or raise the server's"
	case "57P03":
		return "the server is starting, stopping or recovering; try again"
	}
	return "the server said so; see its log"
}

// Exec runs statements without parameters and forgets their results.
func (s *Session) Exec(ctx context.Context, sql string) error {
	s.halfOpen.begin()
	_, err := s.pg.Exec(ctx, sql).ReadAll()
	return s.withPolicy(s.halfOpen.end(err))
}

// Rows runs a query for a handful of rows, outside the hot path; NULL reads as "".
func (s *Session) Rows(ctx context.Context, sql string, args ...string) ([][]string, error) {
	params := make([][]byte, len(args))
	for i, a := range args {
		params[i] = []byte(a)
	}
	s.halfOpen.begin()
	res := s.pg.ExecParams(ctx, sql, params, nil, nil, nil).Read()
	if err := s.withPolicy(s.halfOpen.end(res.Err)); err != nil {
		return nil, err
	}
	out := make([][]string, len(res.Rows))
	for i, row := range res.Rows {
		out[i] = make([]string, len(row))
		for j, field := range row {
			out[i][j] = string(field)
		}
	}
	return out, nil
}

// Ask asks for one row; nil for none.
func (s *Session) Ask(ctx context.Context, sql string, args ...string) ([]string, error) {
	rows, err := s.Rows(ctx, sql, args...)
	if err != nil || len(rows) == 0 {
		return nil, err
	}
	return rows[0], nil
}

// Describe parses a query without running it and returns its columns.
func (s *Session) Describe(ctx context.Context, sql string) ([]pgconn.FieldDescription, error) {
	s.halfOpen.begin()
	d, err := s.pg.Prepare(ctx, "", sql, nil)
	if err := s.withPolicy(s.halfOpen.end(err)); err != nil {
		return nil, err
	}
	if len(d.ParamOIDs) > 0 {
		return nil, &pgconn.PgError{Message: "parameters ($1) cannot be used here"}
	}
	return d.Fields, nil
}

// AllowPolicies makes the session read what row-level security leaves of the rows.
func (s *Session) AllowPolicies(ctx context.Context) error {
	if s.policies {
		return nil
	}
	if err := s.Exec(ctx, "set row_security = on"); err != nil {
		return fmt.Errorf("%s: prepare the session: %w", s.Name, err)
	}
	s.policies = true
	return nil
}

// Named puts the server's name in front of what went wrong with the connection, where the error does
// not say it already.
func (s *Session) Named(err error) error {
	if err == nil || !IsUnavailable(err) || strings.Contains(err.Error(), s.Name) {
		return err
	}
	return fmt.Errorf("%s: the connection was lost: %w", s.Name, err)
}

// Close ends the session, also in the middle of a query and with a cancelled context.
func (s *Session) Close(ctx context.Context) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if s.spent {
		_ = s.pg.CancelRequest(ctx) // or the server works on until it notices
		_ = s.conn.SetDeadline(time.Now())
	} else {
		_ = s.conn.SetDeadline(time.Time{})
	}
	_ = s.pg.Close(ctx)
	<-s.pg.CleanupDone()
}

// OverConn is a session over a connection that is set up already, and on which rows are
// read and nothing else.
func OverConn(conn net.Conn) *Session {
	return &Session{wire: &wire{conn: conn, in: conn, buf: make([]byte, bufferSize)}}
}
