package session

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pglogrepl"

	"humpty/internal/wait"
	"humpty/sources"
)

// Replica is what live reads of a standby are held against: how far it has replayed the
// log, and where in the log the captured transactions were committed. What its own
// pg_current_snapshot says is no measure: transactions that it has yet to see are not in it.
type Replica struct {
	StartTimeout time.Duration // with a standby that is behind the start

	mu        sync.Mutex
	system    string                   // of the primary, with the database
	start     pglogrepl.LSN            // what is not in the stream was committed before it: nothing is read of a standby that is not there yet
	commits   map[uint64]pglogrepl.LSN // of the transactions that the stream gave: their commit records
	newest    pglogrepl.LSN            // of these
	forgotten pglogrepl.LSN            // transactions that are not known were committed before it
}

// commitsKept bounds how many transactions are known one by one.
const commitsKept = 20_000

// NewReplica waits for a standby that is behind the start for as long as that.
func NewReplica(startTimeout time.Duration) *Replica {
	return &Replica{StartTimeout: startTimeout, commits: map[uint64]pglogrepl.LSN{}}
}

// MarkStart is called when a capture begins or goes on: what is committed now, and is not in
// the stream, has to be in every read.
func (r *Replica) MarkStart(ctx context.Context, primary *Session) error {
	rows, err := primary.Rows(ctx, "select pg_catalog.pg_logical_emit_message(true, $1, 'replica'), "+clusterSQL, "humpty_start")
	if err != nil {
		return fmt.Errorf("%s: mark where the capture begins: %w", primary.Name, err)
	}
	at, err := pglogrepl.ParseLSN(rows[0][0])
	if err != nil {
		return fmt.Errorf("%s: %w", primary.Name, err)
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.system = rows[0][1]
	r.start, r.forgotten = max(r.start, at), max(r.forgotten, at)
	return nil
}

const clusterSQL = `(select s.system_identifier || '/' || d.oid
  from pg_catalog.pg_control_system() s, pg_catalog.pg_database d where d.datname = pg_catalog.current_database())`

// RecordCommit notes a transaction before its marks are given out.
func (r *Replica) RecordCommit(xid uint64, commit pglogrepl.LSN) {
	if r == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.commits[xid] = commit
	r.newest = max(r.newest, commit)
	if len(r.commits) <= commitsKept {
		return
	}
	var all []pglogrepl.LSN
	for _, at := range r.commits {
		all = append(all, at)
	}
	slices.Sort(all)
	half := all[len(all)/2]
	for xid, at := range r.commits {
		if at <= half {
			delete(r.commits, xid)
		}
	}
	r.forgotten = max(r.forgotten, half+1)
}

// snapshotAt is what a read sees that began when the standby had replayed so much.
func (r *Replica) snapshotAt(replayed pglogrepl.LSN) sources.TxSnapshot {
	r.mu.Lock()
	defer r.mu.Unlock()
	if replayed < r.forgotten {
		return sources.TxSnapshot{} // nothing that is certain
	}
	saw := sources.TxSnapshot{Min: math.MaxUint64, Max: math.MaxUint64}
	for xid, commit := range r.commits {
		if commit >= replayed {
			saw.Running = append(saw.Running, xid)
		}
	}
	slices.Sort(saw.Running)
	if len(saw.Running) > 0 {
		saw.Min = saw.Running[0]
	}
	return saw
}

// Admit makes a session of a standby ready for live reads: of this cluster, and not before
// it has all that the stream does not tell.
func (r *Replica) Admit(ctx context.Context, db *Session) error {
	rows, err := db.Rows(ctx, "select "+clusterSQL)
	if err != nil {
		return fmt.Errorf("%s: identify the server: %w", db.Name, err)
	}
	r.mu.Lock()
	system, start := r.system, r.start
	r.mu.Unlock()
	if rows[0][0] != system {
		return fmt.Errorf("read_dsn, %s, is not the database that dsn names, nor a standby of it\n    name a streaming replica, or leave read_dsn out", db.Name)
	}
	db.replica = r
	at, err := db.waitReplayed(ctx, start, r.StartTimeout)
	if err == nil && at < start {
		err = fmt.Errorf("read_dsn, %s, is behind the beginning of the capture for %s: it has replayed the log up to %s of %s\n"+
			"    see pg_stat_replication on the primary and pg_is_wal_replay_paused() there, or leave read_dsn out", db.Name, r.StartTimeout, at, start)
	}
	return err
}

// waitReplayed waits until a standby has replayed the log up to a place, but no longer than
// timeout, and says how far it is.
func (s *Session) waitReplayed(ctx context.Context, to pglogrepl.LSN, timeout time.Duration) (pglogrepl.LSN, error) {
	for end := time.Now().Add(timeout); ; {
		at, err := s.replayed(ctx)
		if err != nil || at >= to || time.Now().After(end) {
			return at, err
		}
		if err := wait.For(ctx, 10*time.Millisecond); err != nil {
			return at, err
		}
	}
}

// errPromoted: the log of a server that is none any more is another one's.
var errPromoted = errors.New("it is no standby: it was promoted, or never was one")

func (s *Session) replayed(ctx context.Context) (pglogrepl.LSN, error) {
	rows, err := s.Rows(ctx, "select pg_catalog.pg_is_in_recovery(), coalesce(pg_catalog.pg_last_wal_replay_lsn(), '0/0')")
	switch {
	case err != nil:
		return 0, fmt.Errorf("%s: how far it has replayed the log: %w", s.Name, err)
	case rows[0][0] != "t":
		return 0, fmt.Errorf("read_dsn, %s: %w\n    name a standby of dsn, or leave read_dsn out", s.Name, errPromoted)
	}
	return pglogrepl.ParseLSN(rows[0][1])
}

// replicaWait is how long a read that is to settle marks waits for the standby. Then it
// reads what there is: what it did not see is read again.
const replicaWait = 2 * time.Second

// WaitForReplica waits until a standby has what the stream has given out so far; on a primary
// there is nothing to wait for.
func (s *Session) WaitForReplica(ctx context.Context) error {
	if s.replica == nil {
		return nil
	}
	s.replica.mu.Lock()
	newest := s.replica.newest
	s.replica.mu.Unlock()
	_, err := s.waitReplayed(ctx, newest+1, replicaWait)
	return err
}

// isReplicaConflict tells that a standby ended a read because it had to replay what would take
// rows from it. The read can be done again.
func isReplicaConflict(code, message string) bool {
	return code == "40001" && strings.Contains(message, "conflict with recovery")
}
