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

// digest is what is known of one side: sums by bucket, and a note of each document. What it
// holds does not depend on how many there are, but for 4 KB for each write to its file.
type digest struct {
	limit int // bytes of notes in memory

	mu       sync.Mutex
	sums     bucketSums
	pending  []byte   // notes as they came, each behind the number of its part
	sorted   []byte   // notes by part, on their way to the file or, the last ones, to be read
	unsaved  *segment // what is in sorted, once all have come
	segments []segment
	notes    spillFile
}

// segment is where notes are that were written together, those of each part in one piece.
type segment struct {
	off   int64
	sizes [partCount]uint32
}

// partRange is where the notes of a part are.
func (s *segment) partRange(part int) (off int64, size int) {
	off = s.off
	for _, n := range s.sizes[:part] {
		off += int64(n)
	}
	return off, int(s.sizes[part])
}

func newDigest(dir string) *digest { return &digest{limit: notesInMemory, notes: spillFile{dir: dir}} }

// digestWriter adds documents to a digest from one goroutine.
type digestWriter struct {
	digest   *digest
	hash     hasher
	sums     *bucketSums
	buffered []byte // notes not handed over, each with its part before it
}

// writerBuffer is how many bytes of notes a worker collects before it takes the lock.
const writerBuffer = 64 << 10

func (t *digest) newWriter(h hasher) *digestWriter {
	return &digestWriter{digest: t, hash: h, sums: new(bucketSums)}
}

func (w *digestWriter) add(id, routing, body []byte) error {
	routing = effectiveRouting(id, routing)
	bucket, hash := w.hash.document(id, routing, body)
	w.sums.add(bucket, hash)
	w.buffered = binary.BigEndian.AppendUint16(w.buffered, uint16(bucket%partCount))
	w.buffered = appendKey(w.buffered, id, routing)
	w.buffered = binary.BigEndian.AppendUint64(w.buffered, hash.Hi)
	w.buffered = binary.BigEndian.AppendUint64(w.buffered, hash.Lo)
	if len(w.buffered) < writerBuffer {
		return nil
	}
	return w.flush()
}

// close hands over what the worker has.
func (w *digestWriter) close() error {
	err := w.flush()
	w.digest.mu.Lock()
	defer w.digest.mu.Unlock()
	w.digest.sums.merge(w.sums)
	return err
}

func (w *digestWriter) flush() error {
	t := w.digest
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.pending)+len(w.buffered) > t.limit {
		if err := t.save(); err != nil {
			return err
		}
	}
	if need := len(t.pending) + len(w.buffered); need > cap(t.pending) { // append would take more than the limit
		grown := make([]byte, len(t.pending), max(need, min(2*need, t.limit)))
		copy(grown, t.pending)
		t.pending = grown
	}
	t.pending = append(t.pending, w.buffered...)
	w.buffered = w.buffered[:0]
	return nil
}

// save moves all notes into the file.
func (t *digest) save() error {
	if len(t.pending) == 0 {
		return nil
	}
	at := t.sort()
	at.off = t.notes.size()
	if err := t.notes.append(t.sorted); err != nil {
		return err
	}
	t.segments = append(t.segments, at)
	return nil
}

// sort brings the notes that are pending into the order of their parts.
func (t *digest) sort() (at segment) {
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

func (t *digest) eachPending(fn func(part, size int, note []byte)) {
	for rest := t.pending; len(rest) > 0; {
		part, n := int(binary.BigEndian.Uint16(rest)), noteSize(rest[2:])
		fn(part, n, rest[2:2+n])
		rest = rest[2+n:]
	}
}

// read returns the notes of a part, in buf if it is large enough. All have come.
func (t *digest) read(part int, buf []byte) ([]byte, error) {
	if t.unsaved == nil {
		at := t.sort()
		t.unsaved = &at
	}
	buf = buf[:0]
	for i := range t.segments {
		off, size := t.segments[i].partRange(part)
		start := len(buf)
		buf = append(buf, make([]byte, size)...)
		if err := t.notes.readAt(buf[start:], off); err != nil {
			return nil, err
		}
	}
	off, size := t.unsaved.partRange(part)
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
