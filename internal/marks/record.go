package marks

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"humpty/sources"
)

// Record stores the marks of transactions, in their order, with the position behind the
// last, in one atomic step that is durable when Record returns. The result is the
// sequence of the last change: everything recorded so far is at most that.
func (s *Store) Record(transactions []sources.Marks) (uint64, error) {
	if len(transactions) == 0 {
		return s.Sequence(), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.db.NewIndexedBatch()
	defer batch.Close() //nolint:errcheck // a batch that was committed, or is given up: nothing is lost by it
	seq := s.seq
	for _, t := range transactions {
		for _, m := range t.Marks {
			seq++
			if err := add(batch, m, seq, t.Xid, s.cut); err != nil {
				return 0, fmt.Errorf("record a mark: %w", err)
			}
		}
	}
	if err := put(batch, keySeq, binary.BigEndian.AppendUint64(nil, seq)); err != nil {
		return 0, err
	}
	last := transactions[len(transactions)-1].Position
	if err := put(batch, keyPosition, []byte(last)); err != nil {
		return 0, err
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return 0, fmt.Errorf("make marks durable: %w", err)
	}
	s.seq = seq
	return seq, nil
}

func add(batch *pebble.Batch, m sources.Mark, seq, xid, cut uint64) error {
	key := encodeMark(m)
	value, closer, err := batch.Get(key)
	var p pending
	switch {
	case err == nil:
		p, err = decodePending(value)
		if closeErr := closer.Close(); err == nil {
			err = closeErr
		}
		if err != nil {
			return err
		}
	case err != pebble.ErrNotFound: //nolint:errorlint // the library returns it as it is
		return err
	}
	return put(batch, key, p.with(seq, xid, cut).encode())
}

func put(batch *pebble.Batch, key, value []byte) error { return batch.Set(key, value, nil) }
