package checkpoint

import (
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"humpty/sources"
)

// Record stores the marks of transactions, in their order, with the position behind the
// last, in one atomic step that is durable when Record returns. The result is the
// sequence of the last change: everything recorded so far is at most that. Marks that no
// transaction made, since a comparison found their documents to differ, have neither a position
// nor a transaction: every read sees what there is to see of them.
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
			key := string(encodeKey(m))
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
	if last := transactions[len(transactions)-1].Position; last != "" {
		if err := put(batch, keyPosition, []byte(last)); err != nil {
			return 0, err
		}
	}
	if err := batch.Commit(pebble.Sync); err != nil {
		return 0, fmt.Errorf("make marks durable: %w", err)
	}
	s.seq = seq
	return seq, nil
}

// RecordRead stores marks of documents that are about to be read and have none: if what the
// read sees is taken back, nothing else says which they were. It is durable when RecordRead
// returns. The result is their sequence, by which the read settles them.
func (s *Store) RecordRead(ids [][]byte) (marks []sources.DirtyKey, seq uint64, err error) {
	marks = make([]sources.DirtyKey, len(ids))
	for i, id := range ids {
		marks[i] = sources.DirtyKey{Key: string(id)}
	}
	seq, err = s.Record([]sources.ChangeSet{{Keys: marks}})
	return marks, seq, err
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

// BeginRound begins a round and returns its number: what was recorded until now is what the
// round can settle. One round at a time.
func (s *Store) BeginRound() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cut = s.seq
	return s.cut
}

// Due returns up to limit marks that are due, in the order of their keys behind the mark
// after (nil: from the first). Those are left out of which read says that a read saw all
// up to their last change, and waits to settle them.
func (s *Store) Due(after *sources.DirtyKey, limit int, read func(m sources.DirtyKey, last uint64) bool) ([]sources.DirtyKey, error) {
	var due []sources.DirtyKey
	err := s.each(after, func(m sources.DirtyKey, p pending) bool {
		if read == nil || !read(m, p[len(p)-1].last) {
			due = append(due, m)
		}
		return len(due) < limit
	})
	return due, err
}

// Seen tells what Settle will leave of marks, and changes nothing: seen are those of which
// nothing will be left, with the sequence of their last change; of left others something will.
func (s *Store) Seen(marks []sources.DirtyKey, round uint64, saw sources.TxSnapshot) (seen map[sources.DirtyKey]uint64, left int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	seen = make(map[sources.DirtyKey]uint64, len(marks))
	for _, m := range marks {
		p, err := s.pending(string(encodeKey(m)))
		if err != nil {
			return nil, 0, err
		}
		if len(p) == 0 {
			continue
		}
		last := p[len(p)-1].last
		if p = p.without(round, saw); len(p) > 0 {
			left++
		} else {
			seen[m] = last
		}
	}
	return seen, left, nil
}

// Settle takes away what a read settled: of each mark the changes that are not newer than
// the round and that the snapshot saw, and says how many marks still have some. It need not be durable: a mark that comes back
// after a crash is read once more.
func (s *Store) Settle(settled []sources.DirtyKey, round uint64, saw sources.TxSnapshot) (left int, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	batch := s.db.NewBatch()
	defer batch.Close() //nolint:errcheck // committed, or given up
	for _, m := range settled {
		key := encodeKey(m)
		value, err := s.get(key)
		if err != nil {
			return 0, err
		}
		if value == nil {
			continue
		}
		p, err := decodePending(value)
		if err != nil {
			return 0, err
		}
		if p = p.without(round, saw); len(p) == 0 {
			err = batch.Delete(key, nil)
		} else {
			left++
			err = batch.Set(key, p.encode(), nil)
		}
		if err != nil {
			return 0, err
		}
	}
	if err := batch.Commit(pebble.NoSync); err != nil {
		return 0, fmt.Errorf("settle marks: %w", err)
	}
	return left, nil
}

// Passed reports whether nothing recorded up to seq is due any more.
func (s *Store) Passed(seq uint64) (bool, error) {
	passed := true
	err := s.each(nil, func(_ sources.DirtyKey, p pending) bool {
		passed = p[0].first > seq
		return passed
	})
	return passed, err
}

// Backlog counts the marks that are due, up to limit.
func (s *Store) Backlog(limit int) (int, error) {
	n := 0
	err := s.each(nil, func(sources.DirtyKey, pending) bool {
		n++
		return n < limit
	})
	return n, err
}

// each calls fn with the marks behind after until it returns false.
func (s *Store) each(after *sources.DirtyKey, fn func(sources.DirtyKey, pending) bool) (err error) {
	from := dirtyFrom
	if after != nil {
		from = append(encodeKey(*after), 0)
	}
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: dirtyTo})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		m, err := decodeKey(it.Key())
		if err != nil {
			return err
		}
		p, err := decodePending(it.Value())
		if err != nil {
			return err
		}
		if !fn(m, p) {
			return nil
		}
	}
	return it.Error()
}
