package cdc

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/wait"
	"humpty/sources/postgres/session"
)

// slotName is what publication and slot of a capture are called.
func slotName(capture string) string {
	name := []byte("humpty_")
	for _, c := range strings.ToLower(capture) {
		if c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '_' {
			name = append(name, byte(c))
		} else {
			name = append(name, '_')
		}
	}
	return string(name[:min(len(name), 63)])
}

// createSlot creates the slot. It waits for every transaction of the cluster that has
// written something; what it waits for is named when the wait is given up.
func createSlot(ctx context.Context, conn *pgconn.PgConn, watcher *session.Session, name string, timeout time.Duration) error {
	if _, err := conn.Exec(ctx, "set lock_timeout = "+session.Millis(timeout)).ReadAll(); err != nil {
		return fmt.Errorf("prepare slot %s: %w", name, err)
	}
	_, err := pglogrepl.CreateReplicationSlot(ctx, conn, name, "pgoutput",
		pglogrepl.CreateReplicationSlotOptions{Mode: pglogrepl.LogicalReplication, SnapshotAction: "NOEXPORT_SNAPSHOT"})
	var pg *pgconn.PgError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &pg) && pg.Code == "55P03":
		return fmt.Errorf("slot %s could not be created in %s: it waits for open transactions\n    %s", name, timeout, blockingTransactions(ctx, watcher))
	case errors.As(err, &pg) && pg.Code == "53400":
		return fmt.Errorf("slot %s: %s\n    raise max_replication_slots, or drop slots that nobody uses (pg_replication_slots)", name, pg.Message)
	case errors.As(err, &pg) && pg.Code == "55000":
		return fmt.Errorf("slot %s: %s\n    ALTER SYSTEM SET wal_level = logical; and restart the server", name, pg.Message)
	}
	return fmt.Errorf("create slot %s: %w", name, err)
}

// Drop drops what the capture of that name left on the database; nothing is no
// error.
func Drop(ctx context.Context, db *session.Session, capture string) error {
	return dropSlot(ctx, db, slotName(capture))
}

// dropSlot drops slot and publication of a capture, if they are there. A reader that the
// server still believes to be connected is ended.
func dropSlot(ctx context.Context, db *session.Session, name string) error {
	for {
		rows, err := db.Rows(ctx, "select coalesce(active_pid, 0) from pg_catalog.pg_replication_slots where slot_name = $1", name)
		if err != nil {
			return fmt.Errorf("look up slot %s: %w", name, err)
		}
		if len(rows) == 0 {
			break
		}
		if rows[0][0] != "0" {
			if _, err := terminateReader(ctx, db, name); err != nil {
				return err
			}
		}
		_, err = db.Rows(ctx, "select pg_catalog.pg_drop_replication_slot($1)", name)
		var pg *pgconn.PgError
		switch {
		case err == nil:
		case isSlotActive(err):
			if err := wait.For(ctx, 50*time.Millisecond); err != nil {
				return err
			}
		case errors.As(err, &pg) && pg.Code == "42704": // gone meanwhile
		default:
			return fmt.Errorf("drop slot %s: %w", name, err)
		}
	}
	return dropPublication(ctx, db, name)
}

// dropPublication drops the one that a capture made. Where it made none there is nothing to drop, for which
// a role that may only read would not have the right.
func dropPublication(ctx context.Context, db *session.Session, name string) error {
	row, err := db.Ask(ctx, "select pg_catalog.pg_get_userbyid(pubowner) from pg_catalog.pg_publication where pubname = $1", name)
	if err != nil {
		return fmt.Errorf("look up publication %s: %w", name, err)
	}
	if row == nil {
		return nil
	}
	err = db.Exec(ctx, "set client_min_messages = warning; drop publication if exists "+session.QuoteIdent(name))
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "42501":
		return fmt.Errorf("drop publication %s: %s\n    %s, who made it, drops it: DROP PUBLICATION %s;", name, pg.Message, row[0], session.QuoteIdent(name))
	case err != nil:
		return fmt.Errorf("drop publication %s: %w", name, err)
	}
	return nil
}

// isSlotActive tells that a slot has a reader.
func isSlotActive(err error) bool {
	var pg *pgconn.PgError
	return errors.As(err, &pg) && pg.Code == "55006"
}

// terminateReader ends the process of the server that feeds a slot's reader, if there is one, and
// leaves it a moment to go.
func terminateReader(ctx context.Context, db *session.Session, name string) (busy bool, err error) {
	rows, err := db.Rows(ctx, `
select active_pid, pg_catalog.pg_terminate_backend(active_pid) from pg_catalog.pg_replication_slots where slot_name = $1 and active_pid is not null`, name)
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "42501":
		return false, fmt.Errorf("slot %s is read by a dead process of ours that we may not end: %s\n"+
			"    the server ends it by itself after wal_sender_timeout, then try again; or a superuser ends it: "+
			"SELECT pg_terminate_backend(active_pid) FROM pg_replication_slots WHERE slot_name = %s;", name, pg.Message, session.QuoteLiteral(name))
	case err != nil:
		return false, fmt.Errorf("end the reader of slot %s: %w", name, err)
	case len(rows) == 0:
		return false, nil
	}
	return true, wait.For(ctx, 50*time.Millisecond)
}
