package verify

import (
	"encoding/binary"
	"sync"

	"github.com/zeebo/xxh3"
)

// partCount is into how many parts the notes of a side are split: one part of both sides
// is in memory at a time, and a part holds whole buckets.
const partCount = 1 << 10

// notesInMemory is how many bytes of notes a side collects before they go to its file. It
// holds twice that: as they came, and in order of their parts.
const notesInMemory = 4 << 20

// tally is what is known of one side: sums by bucket, and a note of each document. What it
// holds does not depend on how many there are, but for 4 KB for each write to its file.
type tally struct {
	limit int // bytes of notes in memory

	mu      sync.Mutex
	sums    sums
	pending []byte // notes as they came, each behind the number of its part
	sorted  []byte // notes by part, on their way to the file or, the last ones, to be read
	rest    *saved // what is in sorted, once all have come
	saved   []saved
	notes   scratch
}

// saved is where notes are that were written together, those of each part in one piece.
type saved struct {
	off   int64
	sizes [partCount]uint32
}

// of is where the notes of a part are.
func (s *saved) of(part int) (off int64, size int) {
	off = s.off
	for _, n := range s.sizes[:part] {
		off += int64(n)
	}
	return off, int(s.sizes[part])
}

func newTally(dir string) *tally { return &tally{limit: notesInMemory, notes: scratch{dir: dir}} }

// worker adds documents to a tally from one goroutine.
type worker struct {
	tally *tally
	hash  hasher
	sums  *sums
	local []byte // notes not handed over, each with its part before it
}

// handOver is how many bytes of notes a worker collects before it takes the lock.
const handOver = 64 << 10

func (t *tally) worker(h hasher) *worker { return &worker{tally: t, hash: h, sums: new(sums)} }

func (w *worker) add(id, routing, body []byte) error {
	routing = effective(id, routing)
	bucket, hash := w.hash.document(id, routing, body)
	w.sums.add(bucket, hash)
	w.local = binary.BigEndian.AppendUint16(w.local, uint16(bucket%partCount))
	w.local = appendKey(w.local, id, routing)
	w.local = binary.BigEndian.AppendUint64(w.local, hash.Hi)
	w.local = binary.BigEndian.AppendUint64(w.local, hash.Lo)
	if len(w.local) < handOver {
		return nil
	}
	return w.flush()
}

// finish hands over what the worker has.
func (w *worker) finish() error {
	err := w.flush()
	w.tally.mu.Lock()
	defer w.tally.mu.Unlock()
	w.tally.sums.merge(w.sums)
	return err
}

func (w *worker) flush() error {
	t := w.tally
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending)+len(w.local) > t.limit {
		if err := t.save(); err != nil {
			return err
		}
	}
	if need := len(t.pending) + len(w.local); need > cap(t.pending) { // append would take more than the limit
		grown := make([]byte, len(t.pending), max(need, min(2*need, t.limit)))
		copy(grown, t.pending)
		t.pending = grown
	}
	t.pending = append(t.pending, w.local...)
	w.local = w.local[:0]
	return nil
}

// save moves all notes into the file.
func (t *tally) save() error {
	if len(t.pending) == 0 {
		return nil
	}
	at := t.sort()
	at.off = t.notes.size()
	if err := t.notes.append(t.sorted); err != nil {
		return err
	}
	t.saved = append(t.saved, at)
	return nil
}

// sort brings the notes that are pending into the order of their parts.
func (t *tally) sort() (at saved) {
	t.eachPending(func(part, size int, _ []byte) { at.sizes[part] += uint32(size) })
	var ends [partCount]int
	all := 0
	for part, size := range at.sizes {
		ends[part] = all
		all += int(size)
	}
	if cap(t.sorted) < all {
		t.sorted = make([]byte, all, max(all, min(cap(t.pending), t.limit)))
	}
	t.sorted = t.sorted[:all]
	t.eachPending(func(part, size int, note []byte) {
		copy(t.sorted[ends[part]:], note)
		ends[part] += size
	})
	t.pending = t.pending[:0]
	return at
}

func (t *tally) eachPending(fn func(part, size int, note []byte)) {
	for rest := t.pending; len(rest) > 0; {
		part, n := int(binary.BigEndian.Uint16(rest)), noteSize(rest[2:])
		fn(part, n, rest[2:2+n])
		rest = rest[2+n:]
	}
}

// read returns the notes of a part, in buf if it is large enough. All have come.
func (t *tally) read(part int, buf []byte) ([]byte, error) {
	if t.rest == nil {
		at := t.sort()
		t.rest = &at
	}
	buf = buf[:0]
	for i := range t.saved {
		off, size := t.saved[i].of(part)
		start := len(buf)
		buf = append(buf, make([]byte, size)...)
		if err := t.notes.readAt(buf[start:], off); err != nil {
			return nil, err
		}
	}
	off, size := t.rest.of(part)
	return append(buf, t.sorted[off:off+int64(size)]...), nil
}

// A note is a key and a hash; a key is an id and a routing, each with its length.

func appendKey(b, id, routing []byte) []byte {
	b = binary.AppendUvarint(b, uint64(len(id)))
	b = append(b, id...)
	b = binary.AppendUvarint(b, uint64(len(routing)))
	return append(b, routing...)
}

// splitKey takes the key apart that b begins with.
func splitKey(b []byte) (id, routing []byte, size int) {
	n, w := binary.Uvarint(b)
	id, size = b[w:w+int(n)], w+int(n)
	n, w = binary.Uvarint(b[size:])
	routing = b[size+w : size+w+int(n)]
	return id, routing, size + w + int(n)
}

const hashSize = 16

func noteSize(b []byte) int {
	_, _, n := splitKey(b)
	return n + hashSize
}

func noteHash(b []byte) xxh3.Uint128 {
	return xxh3.Uint128{Hi: binary.BigEndian.Uint64(b), Lo: binary.BigEndian.Uint64(b[8:])}
}
