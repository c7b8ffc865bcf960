package marks

import (
	"bytes"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"humpty/internal/statedb"
)

// What a run keeps of itself lies between these keys.
var (
	keptFrom = []byte("r/")
	keptTo   = []byte("r0")
)

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
