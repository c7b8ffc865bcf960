package cdc

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"humpty/sources/postgres/session"
)

// openTransaction is one that has written something: a slot waits for its end.
type openTransaction struct {
	id      string // tells it from the next one of the same session
	who     string
	seconds int64 // since it began, or was prepared; negative: the user may not know
	remedy  string
}

// isLong tells one that will not end by itself in a moment.
func (o openTransaction) isLong() bool {
	return o.seconds < 0 || o.seconds >= 10 || o.isPrepared()
}

func (o openTransaction) isPrepared() bool { return strings.HasPrefix(o.who, "prepared transaction ") }

func (o openTransaction) String() string {
	switch {
	case o.isPrepared():
		return fmt.Sprintf("%s waits for its end since %d s", o.who, o.seconds)
	case o.seconds < 0:
		return o.who + " is open, since when is shown to itself and to pg_read_all_stats only"
	}
	return fmt.Sprintf("%s is open for %d s", o.who, o.seconds)
}

// openTransactions lists them, the oldest first. What other roles do is shown to few: that there is a
// transaction is, and since when and what state it is in are not.
func openTransactions(ctx context.Context, db *session.Session) ([]openTransaction, error) {
	rows, err := db.Rows(ctx, `
select pid || ' ' || backend_xid, 'pid ' || pid || ' (database ' || coalesce(datname, '?') || ', user ' || coalesce(usename, '?') || coalesce(', ' || state, '') || ')',
  coalesce(extract(epoch from pg_catalog.clock_timestamp() - xact_start)::int8, -1), 'SELECT pg_terminate_backend(' || pid || ');'
from pg_catalog.pg_stat_activity where backend_xid is not null and pid <> pg_catalog.pg_backend_pid()
union all select gid, 'prepared transaction ' || gid || ' of ' || owner, extract(epoch from pg_catalog.clock_timestamp() - prepared)::int8,
  'ROLLBACK PREPARED ' || pg_catalog.quote_literal(gid) || ';' from pg_catalog.pg_prepared_xacts
order by 3 desc limit 10`)
	if err != nil {
		return nil, fmt.Errorf("%s: look for open transactions: %w", db.Name, err)
	}
	var all []openTransaction
	for _, r := range rows {
		seconds, err := strconv.ParseInt(r[2], 10, 64)
		if err != nil {
			return nil, fmt.Errorf("%s: open transactions: %w", db.Name, err)
		}
		all = append(all, openTransaction{r[0], r[1], max(seconds, -1), r[3]})
	}
	return all, nil
}

// blockingTransactions names the transactions that others wait for.
func blockingTransactions(ctx context.Context, db *session.Session) string {
	open, err := openTransactions(ctx, db)
	if err != nil {
		return "see pg_stat_activity: " + err.Error()
	}
	if len(open) == 0 {
		return "none is open now: try again"
	}
	names := make([]string, 0, len(open))
	for _, o := range open {
		names = append(names, o.String())
	}
	return "end it, or wait: " + strings.Join(names, "; ")
}
