package marks

import (
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"

	"humpty/internal/statedb"
	"humpty/sources"
)

// Store is a run's marks in a folder. It is safe for concurrent use.
type Store struct {
	db *pebble.DB

	mu       sync.Mutex // held while marks change: reading one and writing it back is one step
	seq      uint64     // of the last change recorded
	cut      uint64     // where the present round began
	version  int64      // last one handed out
	reserved int64      // versions up to here are durably taken
}

// Options of a Store. The zero value is right outside tests.
type Options = statedb.Options

var (
	keySeq      = []byte("s/seq")      // of the last change recorded
	keyPosition = []byte("s/position") // of the feed
	keyReserved = []byte("s/reserved") // versions durably taken
)

// Open opens the store in a folder, or makes it.
func Open(dir string, o Options) (*Store, error) {
	db, err := statedb.Open(dir, o)
	if err != nil {
		return nil, fmt.Errorf("open the store of marks in %s: %w", dir, err)
	}
	s := &Store{db: db}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("read the store of marks in %s: %w", dir, err), db.Close())
	}
	return s, nil
}

func (s *Store) load() error {
	seq, err := s.number(keySeq)
	if err != nil {
		return err
	}
	reserved, err := s.number(keyReserved)
	if err != nil {
		return err
	}
	// What was reserved may have been used: go on behind it.
	s.seq, s.reserved, s.version = seq, int64(reserved), int64(reserved)
	return nil
}

// Close closes the store.
func (s *Store) Close() error { return s.db.Close() }

// Position is the feed's position behind everything recorded; empty at the start.
func (s *Store) Position() (sources.Position, error) {
	value, err := s.get(keyPosition)
	return sources.Position(value), err
}

// Sequence is the number of the last change recorded.
func (s *Store) Sequence() uint64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.seq
}

func (s *Store) number(key []byte) (uint64, error) {
	value, err := s.get(key)
	if err != nil || value == nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("%s has %d bytes instead of 8: the store is damaged", key, len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

func (s *Store) get(key []byte) ([]byte, error) { return statedb.Get(s.db, key) }
