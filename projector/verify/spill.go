package verify

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
)

// spillFile is an append-only store of bytes: in memory up to its limit, in a temporary
// file beyond. The file is unlinked while it is open where the system allows that, so that
// a crash leaves nothing.
type spillFile struct {
	dir   string // os.TempDir() if empty
	limit int    // bytes in memory

	tail   []byte // behind what is in the file
	file   *os.File
	onDisk int64 // bytes in the file
}

func (s *spillFile) size() int64 { return s.onDisk + int64(len(s.tail)) }

func (s *spillFile) append(p []byte) error {
	if len(s.tail)+len(p) <= s.limit {
		s.tail = append(s.tail, p...)
		return nil
	}
	if err := s.write(s.tail); err != nil {
		return err
	}
	s.tail = s.tail[:0]
	return s.write(p)
}

// write puts bytes into the file.
func (s *spillFile) write(p []byte) error {
	if len(p) == 0 {
		return nil
	}
	if s.file == nil {
		file, err := os.CreateTemp(s.dir, "humpty-verify-*")
		if err != nil {
			return s.wrapError(err)
		}
		s.file = file
		_ = os.Remove(file.Name()) // close does it where this fails
	}
	n, err := s.file.WriteAt(p, s.onDisk)
	if err != nil {
		return s.wrapError(err)
	}
	s.onDisk += int64(n)
	return nil
}

func (s *spillFile) wrapError(err error) error {
	return fmt.Errorf("keep notes of a verification: %w; it needs about 40 bytes for each document of both sides: set TMPDIR to a folder with room", err)
}

// readAt fills p with what was appended at off.
func (s *spillFile) readAt(p []byte, off int64) error {
	if off >= s.onDisk {
		copy(p, s.tail[off-s.onDisk:])
		return nil
	}
	here := p[:min(int64(len(p)), s.onDisk-off)]
	if _, err := s.file.ReadAt(here, off); err != nil {
		return s.wrapError(err)
	}
	copy(p[len(here):], s.tail)
	return nil
}

func (s *spillFile) close() error {
	if s.file == nil {
		return nil
	}
	err := s.file.Close()
	if removed := os.Remove(s.file.Name()); err == nil && !errors.Is(removed, os.ErrNotExist) {
		err = removed
	}
	s.file = nil
	return err
}

// spool is a list of records in a scratch.
type spool struct {
	spillFile
	records int64
	frame   []byte
}

func newSpool(dir string) *spool { return &spool{spillFile: spillFile{dir: dir, limit: 1 << 20}} }

func (s *spool) add(record []byte) error {
	s.records++
	s.frame = binary.AppendUvarint(s.frame[:0], uint64(len(record)))
	return s.append(append(s.frame, record...))
}

// each calls fn with every record, in order; fn may not keep it.
func (s *spool) each(fn func(record []byte) error) error {
	const window = 1 << 20
	var buf []byte
	for off := int64(0); ; {
		for len(buf) > 0 {
			n, width := binary.Uvarint(buf)
			if width <= 0 || uint64(len(buf)-width) < n {
				break
			}
			if err := fn(buf[width : width+int(n)]); err != nil {
				return err
			}
			buf = buf[width+int(n):]
		}
		unread := s.size() - off
		if unread == 0 {
			return nil
		}
		grown := make([]byte, len(buf)+int(min(unread, window)))
		copy(grown, buf)
		if err := s.readAt(grown[len(buf):], off); err != nil {
			return err
		}
		off += int64(len(grown) - len(buf))
		buf = grown
	}
}
