package verify

import (
	"encoding/binary"
	"sync"

	"github.com/zeebo/xxh3"
)

// partCount is into how many parts the notes of a side are split: one part of both sides
// is in memory at a time, and a part holds whole buckets.
const partCount = 1 << 10

// notesInMemory is how many bytes of notes a side keeps before it writes to its file.
const notesInMemory = 8 << 20

// tally is what is known of one side: sums by bucket, and a note of each document.
type tally struct {
	limit int // bytes of notes in memory

	mu       sync.Mutex
	sums     sums
	parts    [partCount]part
	buffered int
	notes    scratch
}

// part is the notes of some buckets: what is in memory, and where the rest is.
type part struct {
	recent []byte
	saved  []segment
}

type segment struct {
	off int64
	n   int
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
	for rest := w.local; len(rest) > 0; {
		p := &t.parts[binary.BigEndian.Uint16(rest)]
		n := noteSize(rest[2:])
		p.recent = append(p.recent, rest[2:2+n]...)
		t.buffered += n
		rest = rest[2+n:]
	}
	w.local = w.local[:0]
	if t.buffered < t.limit {
		return nil
	}
	return t.save()
}

// save moves all notes into the file.
func (t *tally) save() error {
	for i := range t.parts {
		p := &t.parts[i]
		if len(p.recent) == 0 {
			continue
		}
		p.saved = append(p.saved, segment{off: t.notes.size(), n: len(p.recent)})
		if err := t.notes.append(p.recent); err != nil {
			return err
		}
		p.recent = p.recent[:0]
	}
	t.buffered = 0
	return nil
}

// read returns the notes of a part, in buf if it is large enough.
func (t *tally) read(i int, buf []byte) ([]byte, error) {
	p, buf := &t.parts[i], buf[:0]
	for _, s := range p.saved {
		start := len(buf)
		buf = append(buf, make([]byte, s.n)...)
		if err := t.notes.readAt(buf[start:], s.off); err != nil {
			return nil, err
		}
	}
	return append(buf, p.recent...), nil
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
