package session

import (
	"context"
	"errors"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"

	"humpty/sources"
)

// Ask asks for one row; nil for none.
type Ask func(ctx context.Context, sql string, args ...string) ([]string, error)

// FlushLog tells what the server has flushed, by the life of one session: it ends with the
// server, by whatever crash, so what it answers is of the server that was read.
//
// A standby shows only what its primary has flushed, and replays only what it has flushed
// itself. There is nothing to wait for.
type FlushLog struct {
	ask    Ask // by a session that is older than the first read
	commit Ask // by one that is in no transaction
}

var _ sources.FlushLog = (*FlushLog)(nil)

// NewFlushLog asks by one session, and flushes by the same or another one.
func NewFlushLog(ask, commit Ask) *FlushLog { return &FlushLog{ask: ask, commit: commit} }

// LogEnd implements sources.FlushLog; it is empty on a standby.
func (f *FlushLog) LogEnd(ctx context.Context) (sources.Position, error) {
	row, err := f.ask(ctx, "select case when pg_catalog.pg_is_in_recovery() then '' else pg_catalog.pg_current_wal_insert_lsn()::text end")
	if err != nil {
		return "", err
	}
	return sources.Position(row[0]), nil
}

// Flushed implements sources.FlushLog.
func (f *FlushLog) Flushed(ctx context.Context, to sources.Position) (bool, error) {
	if to == "" {
		return true, nil
	}
	row, err := f.ask(ctx, "select pg_catalog.pg_current_wal_flush_lsn() >= $1::pg_lsn", string(to))
	if err != nil {
		return false, err
	}
	return row[0] == "t", nil
}

// Flush implements sources.FlushLog by a commit that waits for the disk. It needs no right
// besides that to connect: a transaction that only takes an id is not flushed.
func (f *FlushLog) Flush(ctx context.Context) error {
	_, err := f.commit(ctx, "select pg_catalog.set_config('synchronous_commit', 'local', true), pg_catalog.pg_logical_emit_message(true, 'humpty_flush', '')")
	var pg *pgconn.PgError
	if !errors.As(err, &pg) || pg.Code != "42501" {
		return err
	}
	row, asked := f.ask(ctx, `
select string_agg(oid::pg_catalog.regprocedure::text, ', '), pg_catalog.quote_ident(current_user) from pg_catalog.pg_proc
where pronamespace = 'pg_catalog'::pg_catalog.regnamespace and proname = 'pg_logical_emit_message'`) // PostgreSQL 17 has given it another argument
	if asked != nil {
		return errors.Join(err, asked)
	}
	return fmt.Errorf("%w\n    GRANT EXECUTE ON FUNCTION %s TO %s;", err, row[0], row[1])
}

// LastCrash implements sources.FlushLog. Statistics are reset by each recovery from a crash,
// also by one that the server goes through without a start.
func (f *FlushLog) LastCrash(ctx context.Context) (string, error) {
	row, err := f.ask(ctx, "select pg_catalog.pg_postmaster_start_time()::text || ' ' || coalesce(pg_catalog.pg_stat_get_bgwriter_stat_reset_time()::text, '')")
	if err != nil {
		return "", err
	}
	return row[0], nil
}
