package spill

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

// BucketCount is how many buckets there are.
const BucketCount = 256

const (
	blockSize = 32 << 10
	flushFrom = 8 * blockSize // a bucket on disk is worth a write from here on
)

// bucket has the events of all keys whose hash begins with its number.
type bucket struct {
	mu       sync.Mutex
	blocks   [][]byte // each with whole entries
	inMemory int64    // bytes of these
	file     *os.File // nil: all in memory
	onDisk   int64    // bytes of it
}

// Buckets is all of them, with their account of memory.
type Buckets struct {
	dir      string
	limit    int64 // bytes of blocks
	passSize int64 // bytes that one reader may bring from disk at a time
	inMemory atomic.Int64
	Spilled  atomic.Bool // some are on disk
	spilling sync.Mutex  // one goroutine makes room at a time
	all      [BucketCount]bucket

	mu         sync.Mutex
	freeBlocks [][]byte
}

// New makes empty buckets. They hold limit bytes in memory and write the rest to files in
// dir; a pass over one of these brings about passSize bytes back.
func New(dir string, limit, passSize int64) *Buckets {
	return &Buckets{dir: dir, limit: limit, passSize: passSize}
}

// BucketOf is the bucket of a key with this hash.
func BucketOf(hash uint64) int { return int(hash >> 56) }

// Passes says in how many parts of equal hash range a bucket is read.
func (s *Buckets) Passes(bucket int) uint64 {
	n, b := uint64(1), &s.all[bucket]
	for b.file != nil && int64(n)*s.passSize < b.onDisk {
		n *= 2
	}
	return n
}

// Span is the hashes of one pass over a bucket; to 0: to the end of all.
func Span(bucket int, pass, passes uint64) (from, to uint64) {
	width := uint64(1) << 56 / passes
	from = uint64(bucket)<<56 + pass*width
	return from, from + width
}

// Put adds an entry.
func (s *Buckets) Put(e *Entry) error {
	b := &s.all[BucketOf(e.Hash)]
	b.mu.Lock()
	size := e.size()
	last := len(b.blocks) - 1
	grown := last < 0 || cap(b.blocks[last])-len(b.blocks[last]) < size
	if grown {
		block := s.block(size)
		b.blocks = append(b.blocks, block)
		b.inMemory += int64(cap(block))
		last++
	}
	b.blocks[last] = e.append(b.blocks[last])
	b.mu.Unlock()
	if grown && s.inMemory.Load() > s.limit {
		return s.makeRoom()
	}
	return nil
}

// block takes an empty one, for an entry of the given size at least.
func (s *Buckets) block(size int) []byte {
	if size > blockSize {
		s.inMemory.Add(int64(size))
		return make([]byte, 0, size)
	}
	s.inMemory.Add(blockSize)
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.freeBlocks) - 1; last >= 0 {
		block := s.freeBlocks[last]
		s.freeBlocks = s.freeBlocks[:last]
		return block[:0]
	}
	return make([]byte, 0, blockSize)
}

// release gives the blocks of a bucket back. Its lock is held.
func (s *Buckets) release(b *bucket) {
	s.inMemory.Add(-b.inMemory)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, block := range b.blocks {
		if cap(block) == blockSize {
			s.freeBlocks = append(s.freeBlocks, block)
		}
	}
	b.blocks, b.inMemory = b.blocks[:0], 0
}

// makeRoom writes buckets to disk until the rest is within the limit: those that are there
// already, if they have enough to be worth it, otherwise the largest.
func (s *Buckets) makeRoom() error {
	s.spilling.Lock()
	defer s.spilling.Unlock()
	for s.inMemory.Load() > s.limit {
		if err := s.spill(s.nextToSpill()); err != nil {
			return err
		}
	}
	return nil
}

func (s *Buckets) nextToSpill() *bucket {
	var largest, filed *bucket
	var most, mostFiled int64
	for i := range s.all {
		b := &s.all[i]
		b.mu.Lock()
		if largest == nil || b.inMemory > most {
			largest, most = b, b.inMemory
		}
		if b.file != nil && b.inMemory > mostFiled {
			filed, mostFiled = b, b.inMemory
		}
		b.mu.Unlock()
	}
	if mostFiled >= flushFrom {
		return filed
	}
	return largest
}

// spill writes what a bucket has in memory behind what it has on disk.
func (s *Buckets) spill(b *bucket) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		file, err := s.create()
		if err != nil {
			return err
		}
		b.file = file
		s.Spilled.Store(true)
	}
	for _, block := range b.blocks {
		if _, err := b.file.Write(block); err != nil {
			return s.diskError(err)
		}
		b.onDisk += int64(len(block))
	}
	s.release(b)
	return nil
}

// create makes a file without a name: whatever becomes of this process, nothing is left.
func (s *Buckets) create() (*os.File, error) {
	file, err := os.CreateTemp(s.dir, "humpty-fold-*")
	if err != nil {
		return nil, s.diskError(err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(s.diskError(err), file.Close())
	}
	return file, nil
}

func (s *Buckets) diskError(err error) error {
	return fmt.Errorf("events that do not fit into %d MB of memory go to disk, which failed: %w; give more memory, or a folder with room", s.limit>>20, err)
}

// Flush brings the rest of the buckets that have a file to disk, so that each is wholly
// in memory or wholly there, and lets go of free blocks.
func (s *Buckets) Flush() error {
	for i := range s.all {
		if b := &s.all[i]; b.file != nil && len(b.blocks) > 0 {
			if err := s.spill(b); err != nil {
				return err
			}
		}
	}
	s.freeBlocks = nil
	return nil
}

// Close removes the files.
func (s *Buckets) Close() error {
	var errs []error
	for i := range s.all {
		if b := &s.all[i]; b.file != nil {
			errs = append(errs, b.file.Close())
			b.file = nil
		}
		s.all[i].blocks = nil
	}
	return errors.Join(errs...)
}
