// Package statedb opens the embedded stores of a run in its state folder, all in one way: the
// library is quiet, and a folder that cannot be written any more ends the process.
package statedb

import (
	"errors"
	"fmt"
	"sync"

	"github.com/cockroachdb/pebble/v2"
	"github.com/cockroachdb/pebble/v2/bloom"
	"github.com/cockroachdb/pebble/v2/vfs"
)

// Options of a store. The zero value is right outside tests.
type Options struct {
	FS vfs.FS // of the operating system by default

	// Fatal is called when the folder cannot be written any more (a full disk): nothing
	// can go on with the store then, so it must end the process. Everything that was
	// said to be durable is. By default it panics.
	Fatal func(error)

	ReadOnly bool // only look: what is not there is not made, and nothing is changed

	Memory int64 // bytes for the cache, and for what is not sorted into the files yet; 16 MB by default
}

// Open opens the store in a folder, or makes it. It fails while another process has it.
func Open(dir string, o Options) (*pebble.DB, error) {
	if o.FS == nil {
		o.FS = vfs.Default
	}
	if o.Memory <= 0 {
		o.Memory = 16 << 20
	}
	options := &pebble.Options{
		FS: o.FS, CacheSize: o.Memory, MemTableSize: uint64(o.Memory), Logger: quietLogger{dir, o.Fatal},
		ReadOnly: o.ReadOnly,
	}
	options.Levels[0].FilterPolicy = bloom.FilterPolicy(10)
	return pebble.Open(dir, options)
}

// quietLogger keeps the library's remarks out of the program's output: what matters comes as
// an error.
type quietLogger struct {
	dir   string
	fatal func(error)
}

func (quietLogger) Infof(string, ...any) {}

func (quietLogger) Errorf(string, ...any) {}

func (s quietLogger) Fatalf(format string, args ...any) {
	err := fmt.Errorf("the state in %s cannot be written: %s", s.dir, fmt.Sprintf(format, args...))
	if s.fatal != nil {
		s.fatal(err)
	}
	panic(err) // the library cannot go on, and must not be returned to
}

// Shared is a store that several use; it is closed when the last of them lets it go. The
// first has it from the start.
type Shared struct {
	*pebble.DB

	mu      sync.Mutex
	holders int
}

// Acquire counts one more who uses the store; false: all have let it go, and it is closed.
func (s *Shared) Acquire() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.holders < 0 {
		return false
	}
	s.holders++
	return true
}

// Release is called once by each who uses the store.
func (s *Shared) Release() error {
	s.mu.Lock()
	s.holders--
	last := s.holders < 0
	s.mu.Unlock()
	if last {
		return s.Close()
	}
	return nil
}

// Get returns a copy of a value, nil if there is none.
func Get(db *pebble.DB, key []byte) ([]byte, error) {
	value, closer, err := db.Get(key)
	if errors.Is(err, pebble.ErrNotFound) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	copied := append([]byte{}, value...)
	return copied, closer.Close()
}

// Each calls fn with what lies from one key to another; fn may not hold key and value.
func Each(db *pebble.DB, from, to []byte, fn func(key, value []byte) error) (err error) {
	it, err := db.NewIter(&pebble.IterOptions{LowerBound: from, UpperBound: to})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if err := fn(it.Key(), it.Value()); err != nil {
			return err
		}
	}
	return it.Error()
}
