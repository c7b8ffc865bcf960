package cdc

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"

	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/sources"
	"humpty/sources/postgres/query"
	"humpty/sources/postgres/session"
)

// Options say how changes are captured.
type Options struct {
	DSN           string           // of the primary
	Publication   string           // made by another; empty: a capture makes its own
	LooseKeys     bool             // keys that are looked up find what PostgreSQL takes for equal
	Timeout       time.Duration    // with open transactions, when the capture begins
	HalfOpenAfter time.Duration    // without a word of the server, until it is asked; 30 s where 0
	Replica       *session.Replica // what is told of each transaction; may be nil
}

// publicationOf is what a capture of tables reads by.
func (o *Options) publicationOf(capture string, tables []publishedTable) publication {
	return publication{name: cmp.Or(o.Publication, slotName(capture)), given: o.Publication != "", tables: tables}
}

// Start begins a capture by a publication and a logical replication slot, or resumes
// it from a position. db, a session of the primary, is the stream's where there is no error.
func Start(ctx context.Context, db *session.Session, t *query.Tree, capture string, from sources.Position, o Options) (_ *slotStream, err error) {
	name := slotName(capture)
	tables, err := publishedTables(ctx, db, t, o.LooseKeys)
	if err != nil {
		return nil, err
	}
	if err := checkServer(ctx, db); err != nil {
		return nil, err
	}
	conn, err := session.ConnectReplication(ctx, o.DSN)
	if err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			_ = conn.Close(context.WithoutCancel(ctx)) // the error that matters is the one returned
		}
	}()
	// A fence must reach the disk by its own commit, with all that was committed before.
	if err := db.Exec(ctx, "set synchronous_commit = local"); err != nil {
		return nil, fmt.Errorf("prepare the session: %w", err)
	}
	now, err := findOrigin(ctx, db, conn, t)
	if err != nil {
		return nil, err
	}
	var start pglogrepl.LSN
	p := o.publicationOf(capture, tables)
	if from == "" {
		now.publication, err = createCapture(ctx, db, conn, name, &p, o.Timeout)
	} else {
		start, err = resume(ctx, db, &p, from, &now)
	}
	if err != nil {
		return nil, err
	}
	if err := startStream(ctx, db, conn, name, p.name, start); err != nil {
		return nil, err
	}
	if err := waitVisible(ctx, db, o.Timeout); err != nil {
		return nil, err
	}
	if o.Replica != nil {
		if err := o.Replica.MarkStart(ctx, db); err != nil {
			return nil, err
		}
	}
	recent, err := db.Snapshot(ctx)
	if err != nil {
		return nil, err
	}
	f := newSlotStream(db, conn, captured{slot: name, publication: p, tree: t, origin: now}, start, recent.Max)
	f.halfOpenAfter = cmp.Or(o.HalfOpenAfter, session.DefaultHalfOpenAfter)
	f.decoder.onCommit = o.Replica.RecordCommit
	return f, nil
}

// resume gives the place in the log to resume from. The publication must be as it was, and the server's
// log reach the position: where it was put back to a copy of before it, the server would leave out
// everything up to there.
func resume(ctx context.Context, db *session.Session, p *publication, from sources.Position, now *origin) (pglogrepl.LSN, error) {
	start, was, err := parseLSN(from)
	if err != nil {
		return 0, err
	}
	row, err := db.Ask(ctx, "select pg_catalog.pg_current_wal_insert_lsn(), pg_catalog.pg_current_wal_insert_lsn() < $1::pg_lsn", start.String())
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: look at its log: %w", db.Name, err)
	case row[1] == "t":
		return start, &sources.ErrChangesLost{Why: fmt.Sprintf("the log of %s ends at %s, before the run's position %s: the server was put back to an older copy", db.Name, row[0], start), Remedy: incomplete}
	}
	s, err := p.state(ctx, db.Ask)
	if err != nil {
		return 0, err
	}
	if err := p.check(s); err != nil {
		return start, err
	}
	now.publication = s.fingerprint
	return start, now.check(was, db.Name)
}

// createCapture makes the slot, and the publication unless it is given, and says by which fingerprint
// to know that again.
func createCapture(ctx context.Context, db *session.Session, conn *pgconn.PgConn, slot string, p *publication, timeout time.Duration) (fingerprint string, err error) {
	if err := dropSlot(ctx, db, slot); err != nil { // of an attempt that died before it was recorded
		return "", err
	}
	// The publication must be older than the slot, or the slot is unusable for good.
	if !p.given {
		if err := p.create(ctx, db); err != nil {
			return "", err
		}
		crashpoint.At("publication made")
	}
	before, err := p.state(ctx, db.Ask)
	if err == nil {
		err = p.problems(before, db.Name).Err()
	}
	if err != nil {
		return "", err
	}
	err = createSlot(ctx, conn, db, slot, timeout)
	if err == nil {
		crashpoint.At("slot made")
		var after publicationState
		if after, err = p.state(ctx, db.Ask); err == nil && after.fingerprint != before.fingerprint {
			err = fmt.Errorf("publication %s was altered while slot %s was made: start again", p.name, slot)
		}
	}
	if err != nil {
		return "", errors.Join(err, dropSlot(ctx, db, slot))
	}
	return before.fingerprint, nil
}

// checkServer checks the server's side.
func checkServer(ctx context.Context, db *session.Session) error {
	row, err := db.Ask(ctx, "select pg_catalog.current_setting('wal_level'), pg_catalog.pg_is_in_recovery(), pg_catalog.current_setting('server_version_num'), pg_catalog.current_setting('server_version')")
	if err != nil {
		return fmt.Errorf("%s: read its settings: %w", db.Name, err)
	}
	return serverProblems(db.Name, row).Err()
}

// messagesSince is the first PostgreSQL whose stream carries messages, which fences are.
const messagesSince = 140000

// serverProblems judges the settings of a server that checkServer reads.
func serverProblems(name string, row []string) (problems problem.List) {
	if session.ParseInt(row[2]) < messagesSince {
		problems.Add(name, "upgrade it to PostgreSQL 14 or newer, or use consistency: snapshot", "it is PostgreSQL %s, whose stream of changes carries no messages: where it was read up to could not be told", row[3])
	}
	if row[0] != "logical" {
		problems.Add(name, "ALTER SYSTEM SET wal_level = logical; and restart the server; or use consistency: snapshot",
			"its wal_level is %s: changes cannot be captured", row[0])
	}
	if row[1] == "t" {
		problems.Add(name, "name the primary in dsn; a replica can be read from with read_dsn", "it is a standby: changes are captured on the primary")
	}
	return problems
}

// checkLog is a gap if the server has dropped the log that a slot needs.
func checkLog(ctx context.Context, db *session.Session, name string) error {
	rows, err := db.Rows(ctx, `
select coalesce(wal_status, ''), pg_catalog.current_setting('max_slot_wal_keep_size', true) from pg_catalog.pg_replication_slots where slot_name = $1`, name)
	switch {
	case err != nil:
		return fmt.Errorf("look up slot %s: %w", name, err)
	case len(rows) == 0:
		return slotGone(name, db.Name)
	case rows[0][0] != "lost":
		return nil
	}
	return &sources.ErrChangesLost{
		Why: fmt.Sprintf("slot %s has lost its log: while nothing read it, more was written than max_slot_wal_keep_size (%s) lets it hold back", name, rows[0][1]),
		Remedy: "let the server keep more for the next one, with what the disk can spare: ALTER SYSTEM SET max_slot_wal_keep_size = '50GB'; SELECT pg_reload_conf();\n" +
			incomplete,
	}
}

// startStream begins the stream, and checks only then that nothing is missing before it: the
// server would skip forward silently.
func startStream(ctx context.Context, db *session.Session, conn *pgconn.PgConn, name, publication string, from pglogrepl.LSN) error {
	// The lease says that the capture is ours: if it has a reader, that is a process of ours
	// that died, or a connection that broke, and the server does not know it yet.
	for busy := from != 0; busy; {
		var err error
		if busy, err = terminateReader(ctx, db, name); err != nil {
			return err
		}
	}
	err := pglogrepl.StartReplication(ctx, conn, name, from, pglogrepl.StartReplicationOptions{
		Mode:       pglogrepl.LogicalReplication,
		PluginArgs: []string{"proto_version '1'", "publication_names " + session.QuoteLiteral(session.QuoteIdent(publication)), "messages 'true'"},
	})
	const remedy = incomplete
	var pg *pgconn.PgError
	switch {
	case errors.As(err, &pg) && pg.Code == "42704":
		return slotGone(name, db.Name)
	case errors.As(err, &pg) && pg.Code == "55000":
		if err := checkLog(ctx, db, name); err != nil {
			return err
		}
		return &sources.ErrChangesLost{Why: strings.TrimSuffix(fmt.Sprintf("slot %s: %s: %s", name, pg.Message, pg.Detail), ": "), Remedy: remedy}
	case err != nil:
		return fmt.Errorf("start to read slot %s: %w", name, err)
	}
	if err := checkLog(ctx, db, name); err != nil {
		return err
	}
	rows, err := db.Rows(ctx, "select coalesce(confirmed_flush_lsn, '0/0') from pg_catalog.pg_replication_slots where slot_name = $1", name)
	if err != nil || len(rows) == 0 {
		return errors.Join(err, fmt.Errorf("look up slot %s", name))
	}
	confirmed, err := pglogrepl.ParseLSN(rows[0][0])
	if err != nil {
		return fmt.Errorf("slot %s: %w", name, err)
	}
	if from != 0 && confirmed > from {
		return &sources.ErrChangesLost{Why: fmt.Sprintf("slot %s has moved on to %s, the run is at %s", name, confirmed, from), Remedy: remedy}
	}
	return nil
}

func slotGone(slot, db string) error {
	return &sources.ErrChangesLost{Why: fmt.Sprintf("slot %s is gone from %s", slot, db), Remedy: incomplete}
}
