package session

import (
	"encoding/binary"
	"errors"
	"fmt"
)

// Span is one field of a row: its bytes, or nil for NULL.
type Span struct{ At, Size int32 }

// Of is the field's bytes.
func (s Span) Of(row []byte) []byte { return row[s.At : s.At+s.Size] }

// Null reports whether the field is NULL.
func (s Span) Null() bool { return s.Size < 0 }

var errCut = errors.New("corrupted row from the server: cut short")

// SplitRow finds the fields of a row in the binary format. It never reads behind its end.
func SplitRow(row []byte, into []Span) error {
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
		into[i] = Span{int32(at), size}
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
