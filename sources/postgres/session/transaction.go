package session

import (
	"context"
	"fmt"
	"strconv"
	"strings"

	"humpty/sources"
)

// InSnapshot does work in a read-only transaction and returns what its snapshot sees. The
// session is spent if the transaction was not ended.
func (s *Session) InSnapshot(ctx context.Context, work func() error) (sources.TxSnapshot, error) {
	if s.replica == nil {
		return s.transaction(work)
	}
	at, err := s.replayed(ctx) // before the snapshot is taken
	if err != nil {
		return sources.TxSnapshot{}, err
	}
	_, err = s.transaction(work)
	return s.replica.snapshotAt(at), err
}

func (s *Session) transaction(work func() error) (sources.TxSnapshot, error) {
	s.Queue([]byte(beginSQL))
	s.Queue([]byte(snapshotSQL))
	if err := s.Flush(); err != nil {
		return sources.TxSnapshot{}, err
	}
	if err := s.Skip(); err != nil {
		return sources.TxSnapshot{}, fmt.Errorf("begin: %w", err)
	}
	saw, err := s.readSnapshot()
	if err != nil {
		return saw, err
	}
	s.Done()
	if err := work(); err != nil {
		s.spent = true
		return saw, err
	}
	s.Queue([]byte("commit"))
	if err := s.Flush(); err != nil {
		return saw, err
	}
	if err := s.Skip(); err != nil {
		return saw, fmt.Errorf("commit: %w", err)
	}
	s.Done()
	return saw, nil
}

// readSnapshot reads the one row of snapshotSQL.
func (s *Session) readSnapshot() (saw sources.TxSnapshot, err error) {
	row, err := s.Row()
	if err != nil {
		return saw, fmt.Errorf("read the snapshot: %w", err)
	}
	var only [1]Span
	if err := SplitRow(row, only[:]); err != nil {
		return saw, fmt.Errorf("read the snapshot: %w", err)
	}
	if saw, err = parseSnapshot(string(only[0].Of(row))); err != nil {
		return saw, err
	}
	return saw, s.Skip()
}

const snapshotSQL = "select pg_catalog.pg_current_snapshot()::text"

// parseSnapshot reads xmin:xmax:xip,xip,… as pg_current_snapshot gives it.
func parseSnapshot(text string) (sources.TxSnapshot, error) {
	var s sources.TxSnapshot
	parts := strings.Split(text, ":")
	if len(parts) != 3 {
		return s, fmt.Errorf("snapshot %q cannot be read", text)
	}
	numbers := parts[:2]
	if parts[2] != "" {
		numbers = append(numbers[:2:2], strings.Split(parts[2], ",")...)
	}
	for i, number := range numbers {
		xid, err := strconv.ParseUint(number, 10, 64)
		if err != nil {
			return s, fmt.Errorf("snapshot %q cannot be read: %w", text, err)
		}
		switch i {
		case 0:
			s.Min = xid
		case 1:
			s.Max = xid
		default:
			s.Running = append(s.Running, xid)
		}
	}
	return s, nil
}

// Snapshot is the present one, outside a transaction.
func (s *Session) Snapshot(ctx context.Context) (sources.TxSnapshot, error) {
	rows, err := s.Rows(ctx, snapshotSQL)
	if err != nil {
		return sources.TxSnapshot{}, fmt.Errorf("read the snapshot: %w", err)
	}
	return parseSnapshot(rows[0][0])
}
