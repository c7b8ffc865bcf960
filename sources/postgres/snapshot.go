package postgres

import (
	"context"
	"fmt"
	"strconv"
	"strings"
	"time"

	"humpty/internal/wait"
	"humpty/sources"
)

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

func (s *session) snapshot(ctx context.Context) (sources.TxSnapshot, error) {
	rows, err := s.rows(ctx, snapshotSQL)
	if err != nil {
		return sources.TxSnapshot{}, fmt.Errorf("read the snapshot: %w", err)
	}
	return parseSnapshot(rows[0][0])
}

// widen completes the 32 bits of a transaction id that the stream carries to the nearest
// of 64 bits around a recent one.
func widen(recent uint64, xid uint32) uint64 {
	return recent + uint64(int64(int32(xid-uint32(recent))))
}

// waitVisible waits until everything that had begun when it was called is visible to every new
// snapshot: a commit can be in the stream before that.
func waitVisible(ctx context.Context, db *session, patience time.Duration) error {
	s, err := db.snapshot(ctx)
	if err != nil {
		return err
	}
	gate := s.Max
	for end := time.Now().Add(patience); s.Min < gate; {
		if time.Now().After(end) {
			return fmt.Errorf("transactions that began before the capture are still open after %s\n    %s", patience, blockingTransactions(ctx, db))
		}
		if err := wait.For(ctx, 50*time.Millisecond); err != nil {
			return err
		}
		if s, err = db.snapshot(ctx); err != nil {
			return err
		}
	}
	return nil
}
