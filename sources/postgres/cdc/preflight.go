package cdc

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"time"

	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// Preflight adds to found what a capture needs of the server and of the tables: errors are
// what it would fail for, warnings what it would suffer from.
func Preflight(ctx context.Context, db *session.Session, t *query.Tree, o Options, found problem.List) (problem.List, error) {
	tables, err := publishedTables(ctx, db, t, o.LooseKeys)
	for _, err := range []error{err, checkServer(ctx, db)} {
		var l problem.List
		switch {
		case errors.As(err, &l):
			found = append(found, l...)
		case err != nil:
			return nil, err
		}
	}
	for _, look := range []func(context.Context, *session.Session, *problem.List) error{checkSlots, checkRetention, warnOpenTransactions} {
		if err := look(ctx, db, &found); err != nil {
			return nil, err
		}
	}
	return found, checkRights(ctx, db, o.publicationOf("", tables), &found)
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
	open, err := openTransactions(ctx, db)
	if err != nil {
		return err
	}
	if slices.ContainsFunc(open, func(o openTransaction) bool { return o.seconds < 0 }) {
		// Since when it is open is not shown to this user: whether it stays is.
		if err := wait.For(ctx, time.Second); err != nil {
			return err
		}
		still, err := openTransactions(ctx, db)
		if err != nil {
			return err
		}
		open = slices.DeleteFunc(open, func(o openTransaction) bool {
			return o.seconds < 0 && !slices.ContainsFunc(still, func(s openTransaction) bool { return s.id == o.id })
		})
	}
	for _, o := range open {
		if o.isLong() {
			found.Warn(db.Name, "end it, or wait: "+o.remedy, "%s: a live run cannot begin before it ends", o)
		}
	}
	return nil
}
