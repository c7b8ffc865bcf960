package checkpoint

import (
	"bytes"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"humpty/internal/statedb"
)

// The documents whose deletion is not settled yet lie between these keys.
var (
	postponedFrom = []byte("p/")
	postponedTo   = []byte("p0")
)

// Postpone notes deletions that have to be made once more, when nothing that was sent before
// can land any more. It is durable when Postpone returns: call it before their marks are
// settled.
func (s *Store) Postpone(ids [][]byte) error {
	if err := s.postponed(ids, pebble.Sync, func(b *pebble.Batch, key []byte) error { return b.Set(key, nil, nil) }); err != nil {
		return fmt.Errorf("note %d deletions that are not settled: %w", len(ids), err)
	}
	return nil
}

// Postponed are up to limit of them.
func (s *Store) Postponed(limit int) (ids [][]byte, err error) {
	err = statedb.Each(s.db, postponedFrom, postponedTo, func(key, _ []byte) error {
		if len(ids) < limit {
			ids = append(ids, bytes.Clone(key[len(postponedFrom):]))
		}
		return nil
	})
	return ids, err
}

// Forget takes away those that are settled. It need not be durable: one that comes back after a
// crash is made once more.
func (s *Store) Forget(ids [][]byte) error {
	if err := s.postponed(ids, pebble.NoSync, func(b *pebble.Batch, key []byte) error { return b.Delete(key, nil) }); err != nil {
		return fmt.Errorf("settle %d deletions: %w", len(ids), err)
	}
	return nil
}

func (s *Store) postponed(ids [][]byte, sync *pebble.WriteOptions, do func(*pebble.Batch, []byte) error) error {
	batch := s.db.NewBatch()
	defer batch.Close() //nolint:errcheck // committed, or given up
	for _, id := range ids {
		if err := do(batch, append(postponedFrom[:2:2], id...)); err != nil {
			return err
		}
	}
	return batch.Commit(sync)
}
