package marks

import (
	"bytes"
	"errors"
	"fmt"

	"github.com/cockroachdb/pebble/v2"
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
func (s *Store) Kept(fn func(name string, value []byte) error) (err error) {
	it, err := s.db.NewIter(&pebble.IterOptions{LowerBound: keptFrom, UpperBound: keptTo})
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, it.Close()) }()
	for ok := it.First(); ok; ok = it.Next() {
		if err := fn(string(it.Key()[len(keptFrom):]), it.Value()); err != nil {
			return err
		}
	}
	return it.Error()
}
