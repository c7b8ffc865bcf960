package cdc

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/jackc/pglogrepl"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"

	"humpty/sources"
	"humpty/sources/postgres/pgoutput"
	"humpty/sources/postgres/session"
)

// statusEvery is how often the server is told how far we are; it ends connections that
// are silent for wal_sender_timeout, 60 s by default.
const statusEvery = 5 * time.Second

// slotStream reads a slot.
type slotStream struct {
	controlSession // for fences and lag
	captured

	conn    *pgconn.PgConn
	decoder txDecoder

	acked         atomic.Uint64 // durable at the reader of the stream
	delivered     pglogrepl.LSN // behind the last transaction given out
	received      atomic.Uint64 // how far the server's log is known
	statusSent    time.Time
	lastHeard     time.Time // of the server
	halfOpenAfter time.Duration
	emptyUpTo     pglogrepl.LSN // up to here nothing of ours is in the log, but for what was delivered
	advancedAt    time.Time     // when that was last given out
	fences        atomic.Int64
}

func newSlotStream(db *session.Session, conn *pgconn.PgConn, c captured, start pglogrepl.LSN, recent uint64) *slotStream {
	f := &slotStream{
		controlSession: newControlSession(db), captured: c, conn: conn, decoder: newTxDecoder(c.publication.tables, recent),
		delivered: start, advancedAt: time.Now(), lastHeard: time.Now(),
	}
	f.acked.Store(uint64(start))
	return f
}

// Next implements sources.ChangeStream.
func (s *slotStream) Next(ctx context.Context, m *sources.ChangeSet) error {
	for {
		if time.Since(s.statusSent) > statusEvery {
			if err := s.sendStatus(ctx); err != nil {
				return err
			}
		}
		data, err := s.receive(ctx)
		if err != nil {
			return err
		}
		if data == nil && s.emptyUpTo > s.delivered && time.Since(s.advancedAt) > statusEvery {
			// Nothing of ours lies between: let the server forget it, or its log would pile
			// up while only other tables are busy. The reader makes the position durable
			// first, as any other: a slot that is ahead of it counts as lost.
			s.delivered, s.advancedAt = s.emptyUpTo, time.Now()
			*m = sources.ChangeSet{Keys: m.Keys[:0], Position: s.origin.position(s.delivered)}
			return nil
		}
		if data == nil {
			continue
		}
		message, err := pgoutput.Decode(data)
		if err != nil {
			return fmt.Errorf("slot %s: %w", s.slot, err)
		}
		whole, err := s.decoder.decode(message, m)
		if err != nil {
			return err
		}
		if whole {
			if end := s.decoder.endLSN; end != 0 {
				s.delivered = end
			}
			m.Position = s.origin.position(s.delivered)
			return nil
		}
	}
}

// receive waits for a message of the stream, no longer than until it is time to tell
// the server how far we are; nil if there is none.
func (s *slotStream) receive(ctx context.Context) ([]byte, error) {
	waiting, cancel := context.WithTimeout(ctx, statusEvery)
	defer cancel()
	raw, err := s.conn.ReceiveMessage(waiting)
	switch {
	case err == nil:
	case ctx.Err() != nil:
		return nil, context.Cause(ctx)
	case pgconn.Timeout(err):
		return nil, s.checkAlive(ctx)
	default:
		return nil, fmt.Errorf("slot %s: the stream of changes ended: %w", s.slot, err)
	}
	s.lastHeard = time.Now()
	switch msg := raw.(type) {
	case *pgproto3.ErrorResponse:
		return nil, streamError(s.slot, pgconn.ErrorResponseToPgError(msg))
	case *pgproto3.CopyData:
		return s.unwrap(ctx, msg.Data)
	}
	return nil, nil
}

// streamError is the error of a stream that the server ends. An internal one (class XX) stops at
// the same place whenever the slot is read again, so it is the end of the slot: PostgreSQL
// 15.18 was seen to say "could not map filenode" where tables were truncated while it was made.
func streamError(slot string, err *pgconn.PgError) error {
	switch {
	case err.Code == "42704": // a fence finds a publication that is gone, too; this may come first
		return &sources.ErrChangesLost{Why: fmt.Sprintf("slot %s: %s (SQLSTATE %s): it was dropped after the capture began", slot, err.Message, err.Code), Remedy: incomplete}
	case strings.HasPrefix(err.Code, "XX"):
		return &sources.ErrChangesLost{Why: fmt.Sprintf("slot %s: the server cannot decode its own log: %s (SQLSTATE %s)", slot, err.Message, err.Code), Remedy: incomplete}
	}
	return fmt.Errorf("slot %s: %w", slot, err)
}

// checkAlive is an error when the server has not said anything for long, though it is asked to
// answer each status, and does nothing that could keep it from it.
func (s *slotStream) checkAlive(ctx context.Context) error {
	quiet := time.Since(s.lastHeard)
	if quiet < s.halfOpenAfter+2*statusEvery {
		return nil
	}
	asking, cancel := context.WithTimeout(ctx, session.AskTimeout)
	defer cancel()
	row, err := s.ask(asking, `
select coalesce(wait_event_type, '') from pg_catalog.pg_replication_slots s join pg_catalog.pg_stat_activity a on a.pid = s.active_pid
where slot_name = $1 and a.pid = $2::int4`, s.slot, strconv.FormatUint(uint64(s.conn.PID()), 10))
	lost := &session.HalfOpenError{Name: "slot " + s.slot, For: quiet}
	switch {
	case ctx.Err() != nil:
		return context.Cause(ctx)
	case err != nil:
		lost.Why = "and the server does not answer: " + err.Error()
	case row == nil:
		lost.Why = "the server does not know the connection any more"
	case row[0] == "Client" || row[0] == "Activity":
		lost.Why = "the server waits, but what it sends does not arrive"
	default: // it reads its log
		s.lastHeard = time.Now()
		return nil
	}
	return lost
}

func (s *slotStream) unwrap(ctx context.Context, data []byte) ([]byte, error) {
	if len(data) == 0 {
		return nil, errors.New("an empty message in the replication stream")
	}
	switch data[0] {
	case pglogrepl.XLogDataByteID:
		x, err := pglogrepl.ParseXLogData(data[1:])
		if err != nil {
			return nil, fmt.Errorf("slot %s: %w", s.slot, err)
		}
		s.received.Store(max(s.received.Load(), uint64(x.ServerWALEnd)))
		return x.WALData, nil
	case pglogrepl.PrimaryKeepaliveMessageByteID:
		k, err := pglogrepl.ParsePrimaryKeepaliveMessage(data[1:])
		if err != nil {
			return nil, fmt.Errorf("slot %s: %w", s.slot, err)
		}
		s.received.Store(max(s.received.Load(), uint64(k.ServerWALEnd)))
		if !s.decoder.open {
			s.emptyUpTo = max(s.emptyUpTo, k.ServerWALEnd)
		}
		if k.ReplyRequested {
			return nil, s.sendStatus(ctx)
		}
	}
	return nil, nil
}

func (s *slotStream) sendStatus(ctx context.Context) error {
	s.statusSent = time.Now()
	update := pglogrepl.StandbyStatusUpdate{WALWritePosition: pglogrepl.LSN(s.acked.Load()), ReplyRequested: true}
	if err := pglogrepl.SendStandbyStatusUpdate(ctx, s.conn, update); err != nil {
		return fmt.Errorf("slot %s: tell the server how far we are: %w", s.slot, err)
	}
	return nil
}

// Acknowledge implements sources.ChangeStream. The server is told with the next status.
func (s *slotStream) Acknowledge(_ context.Context, to sources.Position) error {
	at, _, err := parseLSN(to)
	if err != nil {
		return err
	}
	for old := s.acked.Load(); uint64(at) > old && !s.acked.CompareAndSwap(old, uint64(at)); old = s.acked.Load() {
	}
	return nil
}

// fencePrefix marks our messages in the stream.
const fencePrefix = "humpty"

// Fence implements sources.ChangeStream by a committed message: its commit also flushes what was
// committed asynchronously before.
func (s *slotStream) Fence(ctx context.Context) (string, error) {
	id := s.slot + "/" + strconv.FormatInt(s.fences.Add(1), 10) + "/" + strconv.FormatInt(time.Now().UnixNano(), 36)
	if _, err := s.ask(ctx, "select pg_catalog.pg_logical_emit_message(true, $1, $2)", fencePrefix, id); err != nil {
		return "", err
	}
	return id, s.checkUnaltered(ctx) // behind it: what was altered before the fence is seen
}

// checkUnaltered looks for what is not in the stream.
func (s *slotStream) checkUnaltered(ctx context.Context) error {
	row, err := s.ask(ctx, fingerprintSQL, tableOIDs(s.tree), watchedColumns(s.tree))
	if err != nil {
		return fmt.Errorf("look at the captured tables: %w", err)
	}
	now := s.origin
	now.tables = row[0]
	if row, err = s.ask(ctx, meaningSQL, tableOIDs(s.tree)); err != nil {
		return fmt.Errorf("look at the types of the captured tables: %w", err)
	}
	now.meaning = meaning{names: row[0], labels: row[1]}
	if err := now.check(s.origin, s.db.Name); err != nil {
		return err
	}
	if row, err = s.ask(ctx, identitiesSQL, s.publication.oids()); err != nil {
		return fmt.Errorf("look at the replica identities: %w", err)
	}
	if err := checkIdentities(row[0], s.publication.tables); err != nil {
		return err
	}
	p, err := s.publication.state(ctx, s.ask)
	if err != nil {
		return err
	}
	if err := s.publication.check(p); err != nil {
		return err
	}
	now.publication = p.fingerprint
	return now.check(s.origin, s.db.Name)
}

// Lag implements sources.ChangeStream.
func (s *slotStream) Lag(ctx context.Context) (behind, held int64, err error) {
	if err := s.checkUnaltered(ctx); err != nil {
		return 0, 0, err
	}
	row, err := s.ask(ctx, `
select (pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), $2::pg_lsn))::int8,
  (pg_catalog.pg_wal_lsn_diff(pg_catalog.pg_current_wal_lsn(), restart_lsn))::int8
from pg_catalog.pg_replication_slots where slot_name = $1`, s.slot, pglogrepl.LSN(s.received.Load()).String())
	switch {
	case err != nil:
		return 0, 0, err
	case row == nil:
		return 0, 0, slotGone(s.slot, s.db.Name)
	}
	return max(session.ParseInt(row[0]), 0), session.ParseInt(row[1]), nil
}

// Close implements sources.ChangeStream.
func (s *slotStream) Close(ctx context.Context) error {
	defer s.lockUnlessDone(ctx)()
	s.db.Close(ctx)
	return s.conn.Close(ctx)
}
