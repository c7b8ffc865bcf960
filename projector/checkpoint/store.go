package checkpoint

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/vfs"

	"humpty/internal/statedb"
	"humpty/sources"
)

// What a run keeps of itself lies between these keys.
var (
	keptFrom = []byte("r/")
	keptTo   = []byte("r0")
)

// Store is a run's marks in a folder. It is safe for concurrent use.
type Store struct {
	Swap      Swap
	Postponed Postponed
	Notices   Notices

	db  *pebble.DB
	fs  vfs.FS
	dir string

	mu       sync.Mutex // held while marks change: reading one and writing it back is one step
	seq      uint64     // of the last change recorded
	cut      uint64     // where the present round began
	versions versionCounter
}

// Keep stores a value of the run's own under a name; it is durable when Keep returns.
// The store does not look into it.
func (s *Store) Keep(name string, value []byte) error {
	if err := s.db.Set(append(bytes.Clone(keptFrom), name...), value, pebble.Sync); err != nil {
		return fmt.Errorf("keep %s of the run: %w", name, err)
	}
	return nil
}

// Kept calls fn with everything that was kept, in the order of names; fn may not hold the
// value.
func (s *Store) Kept(fn func(name string, value []byte) error) error {
	return statedb.Each(s.db, keptFrom, keptTo, func(key, value []byte) error {
		return fn(string(key[len(keptFrom):]), value)
	})
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
	if o.FS == nil {
		o.FS = vfs.Default
	}
	s := &Store{Swap: Swap{db}, Postponed: Postponed{db}, Notices: Notices{fs: o.FS, dir: dir}, db: db, fs: o.FS, dir: dir, versions: versionCounter{db: db}}
	if err := s.load(); err != nil {
		return nil, errors.Join(fmt.Errorf("read the store of marks in %s: %w", dir, err), db.Close())
	}
	return s, nil
}

func (s *Store) load() (err error) {
	if s.seq, err = number(s.db, keySeq); err != nil {
		return err
	}
	return s.versions.load()
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

// Version returns the next version: larger than every one returned before, by this store
// or by one that had its folder. Take it before the read that it is for.
func (s *Store) Version() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.versions.next()
}

func number(db *pebble.DB, key []byte) (uint64, error) {
	value, err := statedb.Get(db, key)
	if err != nil || value == nil {
		return 0, err
	}
	if len(value) != 8 {
		return 0, fmt.Errorf("%s has %d bytes instead of 8: the store is damaged", key, len(value))
	}
	return binary.BigEndian.Uint64(value), nil
}

func (s *Store) get(key []byte) ([]byte, error) { return statedb.Get(s.db, key) }
