package chaos

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"slices"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/testenv/devstack"
	"humpty/internal/wait"
)

// session is an application's connection, which is made again when the server died.
type session struct {
	dsn  string
	conn *pgx.Conn
}

func connect(ctx context.Context, dsn string) (*session, error) {
	conn, err := pgx.Connect(ctx, dsn)
	if err != nil {
		return nil, err
	}
	return &session{dsn: dsn, conn: conn}, nil
}

func (s *session) close(ctx context.Context) { _ = s.conn.Close(context.WithoutCancel(ctx)) }

func (s *session) exec(ctx context.Context, sql string) error {
	_, err := s.conn.Exec(ctx, sql, pgx.QueryExecModeSimpleProtocol)
	return err
}

// downLimit is how long a server may be away that was killed, on a busy machine.
const downLimit = 3 * time.Minute

// recover makes the connection again if err says that the server died, and then is nil: what was
// under way may have been committed or not.
func (s *session) recover(ctx context.Context, err error) error {
	if !died(err) || ctx.Err() != nil {
		return err
	}
	s.close(ctx)
	for end := time.Now().Add(downLimit); ; {
		conn, dialErr := pgx.Connect(ctx, s.dsn)
		if dialErr == nil {
			s.conn = conn
			return nil
		}
		if time.Now().After(end) {
			return fmt.Errorf("%w, and was not back after %s: %w", err, downLimit, dialErr)
		}
		if waitErr := wait.For(ctx, 50*time.Millisecond); waitErr != nil {
			return waitErr
		}
	}
}

// died tells whether an error is that of a server that died.
func died(err error) bool {
	var pg *pgconn.PgError
	if errors.As(err, &pg) {
		return slices.Contains([]string{"57P01", "57P02", "57P03"}, pg.Code)
	}
	var network net.Error
	return errors.As(err, &network) || errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) || err != nil && err.Error() == "conn closed"
}

// mortal is a PostgreSQL of a history's own, which dies now and then. Its log is written late, so
// that commits that nobody waits for are lost.
type mortal struct{ stack *devstack.Stack }

func newMortal(ctx context.Context) (*mortal, error) {
	stack, err := devstack.Start(ctx, devstack.Options{
		Servers: []devstack.Kind{devstack.KindPostgres},
		Config:  map[devstack.Kind][]string{devstack.KindPostgres: {"wal_writer_delay = 10s", "wal_buffers = 16MB"}},
	})
	if err != nil {
		return nil, err
	}
	return &mortal{stack}, nil
}

func (m *mortal) dsn() string { return m.stack.Addresses().Postgres }

// die kills the server, and starts it with what it has on its disk.
func (m *mortal) die(ctx context.Context) error {
	if err := m.stack.Kill(devstack.KindPostgres); err != nil {
		return err
	}
	return m.stack.Start(ctx, devstack.KindPostgres)
}

// receipts is the DDL of what writers know to be committed: facts.receipts has how many
// transactions of each are there.
const receipts = "create schema if not exists facts; create table facts.receipts (writer int primary key, n bigint not null);\n"

// receipt books a transaction with itself.
func receipt(writer uint64, n int) string {
	return fmt.Sprintf("insert into facts.receipts values (%d, %d) on conflict (writer) do update set n = excluded.n", writer, n)
}

// lost counts the transactions that a writer was told to be committed, and that are not there any more.
func (s *session) lost(ctx context.Context, writer uint64, told int) (int64, error) {
	var n int64
	err := s.conn.QueryRow(ctx, "select coalesce(max(n), -1) from facts.receipts where writer = $1", pgx.QueryExecModeSimpleProtocol, int64(writer)).Scan(&n)
	if err != nil {
		return 0, err
	}
	return max(0, int64(told)-n), nil
}
