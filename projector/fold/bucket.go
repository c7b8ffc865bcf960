package fold

import (
	"errors"
	"fmt"
	"os"
	"sync"
	"sync/atomic"
)

const (
	bucketCount = 256
	blockSize   = 32 << 10
	flushFrom   = 8 * blockSize // a bucket on disk is worth a write from here on
)

// bucket has the events of all keys whose hash begins with its number.
type bucket struct {
	mu     sync.Mutex
	blocks [][]byte // each with whole entries
	held   int64    // bytes of these
	file   *os.File // nil: all in memory
	filed  int64    // bytes of it
}

// buckets is all of them, with their account of memory.
type buckets struct {
	dir     string
	limit   int64 // bytes of blocks
	share   int64 // bytes that one reader may bring from disk at a time
	held    atomic.Int64
	spilled atomic.Bool
	spills  sync.Mutex // one goroutine makes room at a time
	all     [bucketCount]bucket

	mu   sync.Mutex
	free [][]byte
}

func newBuckets(dir string, limit, share int64) *buckets {
	return &buckets{dir: dir, limit: limit, share: share}
}

func bucketOf(hash uint64) int { return int(hash >> 56) }

// passes says in how many parts of equal hash range a bucket is read.
func (s *buckets) passes(bucket int) uint64 {
	n, b := uint64(1), &s.all[bucket]
	for b.file != nil && int64(n)*s.share < b.filed {
		n *= 2
	}
	return n
}

// span is the hashes of one pass over a bucket; to 0: to the end of all.
func span(bucket int, pass, passes uint64) (from, to uint64) {
	width := uint64(1) << 56 / passes
	from = uint64(bucket)<<56 + pass*width
	return from, from + width
}

// put adds an entry.
func (s *buckets) put(e *entry) error {
	b := &s.all[bucketOf(e.hash)]
	b.mu.Lock()
	size := e.size()
	last := len(b.blocks) - 1
	grown := last < 0 || cap(b.blocks[last])-len(b.blocks[last]) < size
	if grown {
		block := s.block(size)
		b.blocks = append(b.blocks, block)
		b.held += int64(cap(block))
		last++
	}
	b.blocks[last] = e.append(b.blocks[last])
	b.mu.Unlock()
	if grown && s.held.Load() > s.limit {
		return s.makeRoom()
	}
	return nil
}

// block takes an empty one, for an entry of the given size at least.
func (s *buckets) block(size int) []byte {
	if size > blockSize {
		s.held.Add(int64(size))
		return make([]byte, 0, size)
	}
	s.held.Add(blockSize)
	s.mu.Lock()
	defer s.mu.Unlock()
	if last := len(s.free) - 1; last >= 0 {
		block := s.free[last]
		s.free = s.free[:last]
		return block[:0]
	}
	return make([]byte, 0, blockSize)
}

// release gives the blocks of a bucket back. Its lock is held.
func (s *buckets) release(b *bucket) {
	s.held.Add(-b.held)
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, block := range b.blocks {
		if cap(block) == blockSize {
			s.free = append(s.free, block)
		}
	}
	b.blocks, b.held = b.blocks[:0], 0
}

// makeRoom writes buckets to disk until the rest is within the limit: those that are there
// already, if they have enough to be worth it, otherwise the largest.
func (s *buckets) makeRoom() error {
	s.spills.Lock()
	defer s.spills.Unlock()
	for s.held.Load() > s.limit {
		if err := s.spill(s.victim()); err != nil {
			return err
		}
	}
	return nil
}

func (s *buckets) victim() *bucket {
	var largest, filed *bucket
	var most, mostFiled int64
	for i := range s.all {
		b := &s.all[i]
		b.mu.Lock()
		if largest == nil || b.held > most {
			largest, most = b, b.held
		}
		if b.file != nil && b.held > mostFiled {
			filed, mostFiled = b, b.held
		}
		b.mu.Unlock()
	}
	if mostFiled >= flushFrom {
		return filed
	}
	return largest
}

// spill writes what a bucket has in memory behind what it has on disk.
func (s *buckets) spill(b *bucket) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.file == nil {
		file, err := s.create()
		if err != nil {
			return err
		}
		b.file = file
		s.spilled.Store(true)
	}
	for _, block := range b.blocks {
		if _, err := b.file.Write(block); err != nil {
			return s.tooLittle(err)
		}
		b.filed += int64(len(block))
	}
	s.release(b)
	return nil
}

// create makes a file without a name: whatever becomes of this process, nothing is left.
func (s *buckets) create() (*os.File, error) {
	file, err := os.CreateTemp(s.dir, "humpty-fold-*")
	if err != nil {
		return nil, s.tooLittle(err)
	}
	if err := os.Remove(file.Name()); err != nil {
		return nil, errors.Join(s.tooLittle(err), file.Close())
	}
	return file, nil
}

func (s *buckets) tooLittle(err error) error {
	return fmt.Errorf("events that do not fit into %d MB of memory go to disk, which failed: %w; give more memory, or a folder with room", s.limit>>20, err)
}

// settle brings the rest of the buckets that have a file to disk, so that each is wholly
// in memory or wholly there, and lets go of free blocks.
func (s *buckets) settle() error {
	for i := range s.all {
		if b := &s.all[i]; b.file != nil && len(b.blocks) > 0 {
			if err := s.spill(b); err != nil {
				return err
			}
		}
	}
	s.free = nil
	return nil
}

func (s *buckets) close() error {
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
