package marks

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"humpty/internal/crashpoint"
)

// block is how many versions are reserved by one durable step. What is left of a block
// at a crash is never used.
const block = 1 << 16

// Version returns the next version: larger than every one returned before, by this store
// or by one that had its folder. Take it before the read that it is for.
func (s *Store) Version() (int64, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.version == s.reserved {
		next := s.reserved + block
		if err := s.db.Set(keyReserved, binary.BigEndian.AppendUint64(nil, uint64(next)), pebble.Sync); err != nil {
			return 0, fmt.Errorf("reserve versions: %w", err)
		}
		crashpoint.At("versions reserved")
		s.reserved = next
	}
	s.version++
	return s.version, nil
}
