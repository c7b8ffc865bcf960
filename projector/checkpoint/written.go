package checkpoint

import (
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"humpty/internal/statedb"
)

// The documents that were written since a swap lie between these keys.
var (
	writtenFrom = []byte("t/")
	writtenTo   = []byte("t0")
)

// Swap is what a run keeps of its swap: others may write to the index since, without versions.
// Store.Swap is the run's.
type Swap struct{ db *pebble.DB }

// keySwapped is there once others may write to the index.
var keySwapped = []byte("s/swapped")

// Record notes that from now on others may write. It is durable when Record returns: call it
// before the alias is changed.
func (s *Swap) Record() error {
	if err := s.db.Set(keySwapped, []byte{1}, pebble.Sync); err != nil {
		return fmt.Errorf("note the swap: %w", err)
	}
	return nil
}

// Recorded reports whether Record was called, in this process or an earlier one.
func (s *Swap) Recorded() (bool, error) {
	value, err := statedb.Get(s.db, keySwapped)
	return value != nil, err
}

// RecordWritten notes documents that will be written after the swap; it is durable when RecordWritten
// returns.
func (s *Swap) RecordWritten(ids [][]byte) error {
	batch := s.db.NewBatch()
	defer batch.Close() //nolint:errcheck // committed, or given up
	for _, id := range ids {
		if err := batch.Set(append(writtenFrom[:2:2], id...), nil, nil); err != nil {
			return err
		}
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return fmt.Errorf("note %d documents that will be written: %w", len(ids), err)
	}
	return nil
}

// Written calls fn with every id that was given to RecordWritten; fn may not keep it.
func (s *Swap) Written(fn func(id []byte)) (err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: writtenFrom, UpperBound: writtenTo})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		fn(it.Key()[len(writtenFrom):])
	}
	return it.Error()
}
