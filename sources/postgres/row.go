package postgres

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// span is one field of a row: its bytes, or nil for NULL.
type span struct{ at, size int32 }

func (s span) of(row []byte) []byte { return row[s.at : s.at+s.size] }
func (s span) null() bool           { return s.size < 0 }

var errCut = errors.New("corrupted row from the server: cut short")

// splitRow finds the fields of a row in the binary format. It never reads behind its end.
func splitRow(row []byte, into []span) error {
	if len(row) < 2 {
		return errCut
	}
	if n := int(int16(binary.BigEndian.Uint16(row))); n != len(into) {
		return fmt.Errorf("corrupted row from the server: %d fields, not %d", n, len(into))
	}
	at := 2
	for i := range into {
		if len(row)-at < 4 {
			return errCut
		}
		size := int32(binary.BigEndian.Uint32(row[at:]))
		at += 4
		into[i] = span{int32(at), size}
		if size < 0 {
			if size != -1 {
				return errCut
			}
			continue
		}
		if int(size) > len(row)-at {
			return errCut
		}
		at += int(size)
	}
	if at != len(row) {
		return errors.New("corrupted row from the server: bytes behind its last field")
	}
	return nil
}
