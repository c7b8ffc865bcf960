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
func (s *Store) Record(transactions []sources.ChangeSet) (uint64, error) {
	if len(transactions) == 0 {
		return s.Sequence(), nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.db.NewBatch()
	defer batch.Close() //nolint:errcheck // a batch that was committed, or is given up: nothing is lost by it
	seq := s.seq
	changed := map[string]pending{} // a hot row is written once, however many transactions came at once
	for _, t := range transactions {
		for _, m := range t.Keys {
			seq++
			key := string(encodeMark(m))
			p, known := changed[key]
			if !known {
				var err error
				if p, err = s.pending(key); err != nil {
					return 0, fmt.Errorf("record a mark: %w", err)
				}
			}
			changed[key] = p.with(seq, t.Xid, s.cut)
		}
	}
	for key, p := range changed {
		if err := put(batch, []byte(key), p.encode()); err != nil {
			return 0, err
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

// pending is what speaks for a mark so far.
func (s *Store) pending(key string) (pending, error) {
	value, err := s.get([]byte(key))
	if err != nil || value == nil {
		return nil, err
	}
	return decodePending(value)
}

func put(batch *pebble.Batch, key, value []byte) error { return batch.Set(key, value, nil) }
