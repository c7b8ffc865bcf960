package checkpoint

import (
	"encoding/binary"
	"fmt"

	"github.com/cockroachdb/pebble/v2"

	"humpty/internal/crashpoint"
)

// block is how many versions are reserved by one durable step. What is left of a block
// at a crash is never used.
const block = 1 << 16

// versionCounter hands out versions in growing order, never one twice.
type versionCounter struct {
	db       *pebble.DB
	last     int64 // handed out
	reserved int64 // versions up to here are durably taken
}

// load goes on behind what was reserved: it may have been used.
func (v *versionCounter) load() error {
	reserved, err := number(v.db, keyReserved)
	v.last, v.reserved = int64(reserved), int64(reserved)
	return err
}

func (v *versionCounter) next() (int64, error) {
	if v.last == v.reserved {
		next := v.reserved + block
		if err := v.db.Set(keyReserved, binary.BigEndian.AppendUint64(nil, uint64(next)), pebble.Sync); err != nil {
			return 0, fmt.Errorf("reserve versions: %w", err)
		}
		crashpoint.At("versions reserved")
		v.reserved = next
	}
	v.last++
	return v.last, nil
}
