package cdc

import (
	"context"
	"fmt"
	"time"

	"humpty/internal/wait"
	"humpty/sources/postgres/session"
)

// widen completes the 32 bits of a transaction id that the stream carries to the nearest
// of 64 bits around a recent one.
func widen(recent uint64, xid uint32) uint64 {
	return recent + uint64(int64(int32(xid-uint32(recent))))
}

// waitVisible waits until everything that had begun when it was called is visible to every new
// snapshot: a commit can be in the stream before that.
func waitVisible(ctx context.Context, db *session.Session, timeout time.Duration) error {
	s, err := db.Snapshot(ctx)
	if err != nil {
		return err
	}
	gate := s.Max
	for end := time.Now().Add(timeout); s.Min < gate; {
		if time.Now().After(end) {
			return fmt.Errorf("transactions that began before the capture are still open after %s\n    %s", timeout, blockingTransactions(ctx, db))
		}
		if err := wait.For(ctx, 50*time.Millisecond); err != nil {
			return err
		}
		if s, err = db.Snapshot(ctx); err != nil {
			return err
		}
	}
	return nil
}
