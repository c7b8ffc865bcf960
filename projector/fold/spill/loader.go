package spill

import (
	"bufio"
	"errors"
	"fmt"
	"io"
)

// loader reads a part of a bucket back from its file; it keeps its memory for the next.
type loader struct {
	in     *bufio.Reader
	blocks [][]byte
	used   int
}

// load returns blocks with the entries whose hash is in [from, to); they are valid until
// the next call. Several loaders may read one file.
func (l *loader) load(file io.ReaderAt, size int64, from, to uint64) ([][]byte, error) {
	l.used = 0
	section := io.NewSectionReader(file, 0, size)
	if l.in == nil {
		l.in = bufio.NewReaderSize(section, 256<<10)
	}
	l.in.Reset(section)
	for {
		head, err := l.in.Peek(entryHead)
		if len(head) == 0 && errors.Is(err, io.EOF) {
			return l.blocks[:l.used], nil
		}
		if err != nil {
			return nil, fmt.Errorf("the file ends in the middle of an event: %w", err)
		}
		size := entrySize(head)
		if h := entryHash(head); h < from || h-from > to-1-from {
			if _, err := l.in.Discard(size); err != nil {
				return nil, err
			}
			continue
		}
		if _, err := io.ReadFull(l.in, l.allocate(size)); err != nil {
			return nil, err
		}
	}
}

// loadBlock is the size of a loader's blocks.
const loadBlock = 256 << 10

// allocate returns size bytes of the last block, or of a new one.
func (l *loader) allocate(size int) []byte {
	if l.used > 0 {
		if b := &l.blocks[l.used-1]; cap(*b)-len(*b) >= size {
			*b = (*b)[:len(*b)+size]
			return (*b)[len(*b)-size:]
		}
	}
	if l.used == len(l.blocks) {
		l.blocks = append(l.blocks, nil)
	}
	b := &l.blocks[l.used]
	l.used++
	if cap(*b) < size {
		*b = make([]byte, 0, max(size, loadBlock))
	}
	*b = (*b)[:size]
	return *b
}
