package cdc

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"humpty/internal/problem"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// Preflight adds to found what a capture needs of the server and of the tables: errors are
// what it would fail for, warnings what it would suffer from.
func Preflight(ctx context.Context, db *session.Session, t *query.Tree, loose bool, found problem.List) (problem.List, error) {
	tables, err := publishedTables(ctx, db, t, loose)
	for _, err := range []error{err, checkServer(ctx, db)} {
		var l problem.List
		switch {
		case errors.As(err, &l):
			found = append(found, l...)
		case err != nil:
			return nil, err
		}
	}
	for _, look := range []func(context.Context, *session.Session, *problem.List) error{checkSlots, checkRights, checkRetention, warnOpenTransactions} {
		if err := look(ctx, db, &found); err != nil {
			return nil, err
		}
	}
	return found, checkOwners(ctx, db, tables, &found)
}

// checkSlots looks for a free slot and a free sender.
func checkSlots(ctx context.Context, db *session.Session, found *problem.List) error {
	rows, err := db.Rows(ctx, `
select pg_catalog.current_setting('max_replication_slots'), (select count(*) from pg_catalog.pg_replication_slots),
  pg_catalog.current_setting('max_wal_senders'), (select count(*) from pg_catalog.pg_stat_replication)`)
	if err != nil {
		return fmt.Errorf("%s: count slots and senders: %w", db.Name, err)
	}
	for i, what := range []string{"max_replication_slots", "max_wal_senders"} {
		most, err1 := strconv.Atoi(rows[0][2*i])
		used, err2 := strconv.Atoi(rows[0][2*i+1])
		if err := errors.Join(err1, err2); err != nil {
			return fmt.Errorf("%s: %s: %w", db.Name, what, err)
		}
		if used >= most {
			found.Add(db.Name, fmt.Sprintf("ALTER SYSTEM SET %s = %d; and restart the server, or free one (humpty prune drops those of dead runs)", what, most+4),
				"all of its %s (%d) are in use", what, most)
		}
	}
	return nil
}

// checkRights looks at the user's rights.
func checkRights(ctx context.Context, db *session.Session, found *problem.List) error {
	rows, err := db.Rows(ctx, `
select pg_catalog.quote_ident(rolname), rolsuper or rolreplication, pg_catalog.has_database_privilege(pg_catalog.current_database(), 'CREATE'),
  pg_catalog.quote_ident(pg_catalog.current_database())
from pg_catalog.pg_roles where rolname = current_user`)
	if err != nil || len(rows) == 0 {
		return errors.Join(err, fmt.Errorf("%s: look up the rights of the user", db.Name))
	}
	who := rows[0][0]
	if rows[0][1] != "t" {
		found.Add(db.Name, "ALTER ROLE "+who+" REPLICATION;", "user %s may not replicate, so it cannot make a slot", who)
	}
	if rows[0][2] != "t" {
		found.Add(db.Name, "GRANT CREATE ON DATABASE "+rows[0][3]+" TO "+who+";", "user %s may not make a publication", who)
	}
	return nil
}

// checkOwners looks for tables of others: only their owner may publish them.
func checkOwners(ctx context.Context, db *session.Session, tables []publishedTable, found *problem.List) error {
	for _, t := range tables {
		rows, err := db.Rows(ctx, `
select pg_catalog.pg_has_role(current_user, relowner, 'USAGE'), pg_catalog.quote_ident(pg_catalog.pg_get_userbyid(relowner)), pg_catalog.quote_ident(current_user)
from pg_catalog.pg_class where oid = $1::oid`, t.oid)
		if err != nil {
			return fmt.Errorf("%s: look up the owner of %s: %w", db.Name, t.sql, err)
		}
		if len(rows) == 1 && rows[0][0] != "t" {
			found.Add(db.Name, "GRANT "+rows[0][1]+" TO "+rows[0][2]+";", "table %s belongs to %s, and only its owner may publish it", t.sql, rows[0][1])
		}
	}
	return nil
}

// checkRetention says what bounds the log that a slot holds back.
func checkRetention(ctx context.Context, db *session.Session, found *problem.List) error {
	rows, err := db.Rows(ctx, "select setting, pg_catalog.current_setting(name) from pg_catalog.pg_settings where name = 'max_slot_wal_keep_size'")
	if err != nil {
		return fmt.Errorf("%s: read its settings: %w", db.Name, err)
	}
	switch {
	case len(rows) == 0: // before PostgreSQL 13
	case rows[0][0] == "-1":
		found.Warn(db.Name, "ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf();   with what the disk can spare",
			"max_slot_wal_keep_size is not set: while humpty is away, its slot holds back the log without bound, until the disk is full")
	default:
		found.Warn(db.Name, "it must hold what is written while humpty is away: more lets a run go on after a longer outage",
			"max_slot_wal_keep_size is %s: a run that is away for longer than that much log cannot go on", rows[0][1])
	}
	return nil
}

// warnOpenTransactions names what the slot would wait for.
func warnOpenTransactions(ctx context.Context, db *session.Session, found *problem.List) error {
	rows, err := db.Rows(ctx, `
select 'pid ' || pid || ' (database ' || coalesce(datname, '?') || ', user ' || coalesce(usename, '?') || ', ' || coalesce(state, '?') || ') is open for '
  || pg_catalog.date_trunc('second', now() - xact_start), 'SELECT pg_terminate_backend(' || pid || ');'
from pg_catalog.pg_stat_activity where backend_xid is not null and pid <> pg_catalog.pg_backend_pid() and xact_start < now() - interval '10 seconds'
union all select 'prepared transaction ' || gid || ' of ' || owner || ' waits for its end since ' || pg_catalog.date_trunc('second', prepared),
  'ROLLBACK PREPARED ' || pg_catalog.quote_literal(gid) || ';' from pg_catalog.pg_prepared_xacts limit 10`)
	if err != nil {
		return fmt.Errorf("%s: look for open transactions: %w", db.Name, err)
	}
	for _, r := range rows {
		found.Warn(db.Name, "end it, or wait: "+r[1], "%s: a live run cannot begin before it ends", r[0])
	}
	return nil
}
