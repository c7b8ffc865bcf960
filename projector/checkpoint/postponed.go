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

// Postponed are deletions that have to be made once more, when nothing that was sent before can
// land any more.
type Postponed struct{ db *pebble.DB }

// Add notes documents. It is durable when Add returns: call it before their marks are settled.
func (p Postponed) Add(ids [][]byte) error {
	if err := p.change(ids, pebble.Sync, func(b *pebble.Batch, key []byte) error { return b.Set(key, nil, nil) }); err != nil {
		return fmt.Errorf("note %d deletions that are not settled: %w", len(ids), err)
	}
	return nil
}

// Some are up to limit of them.
func (p Postponed) Some(limit int) (ids [][]byte, err error) {
	err = statedb.Each(p.db, postponedFrom, postponedTo, func(key, _ []byte) error {
		if len(ids) < limit {
			ids = append(ids, bytes.Clone(key[len(postponedFrom):]))
		}
		return nil
	})
	return ids, err
}

// Remove takes away those that are settled. It need not be durable: one that comes back after a
// crash is made once more.
func (p Postponed) Remove(ids [][]byte) error {
	if err := p.change(ids, pebble.NoSync, func(b *pebble.Batch, key []byte) error { return b.Delete(key, nil) }); err != nil {
		return fmt.Errorf("settle %d deletions: %w", len(ids), err)
	}
	return nil
}

func (p Postponed) change(ids [][]byte, sync *pebble.WriteOptions, do func(*pebble.Batch, []byte) error) error {
	batch := p.db.NewBatch()
	defer batch.Close() //nolint:errcheck // committed, or given up
	for _, id := range ids {
		if err := do(batch, append(postponedFrom[:2:2], id...)); err != nil {
			return err
		}
	}
	return batch.Commit(sync)
}
