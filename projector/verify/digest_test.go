package verify

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"testing"
	"unsafe"
)

// held is how many bytes a side and its readers hold.
func (t *digest) held(workers ...*digestWriter) int {
	n := int(unsafe.Sizeof(*t)) + cap(t.pending) + cap(t.sorted) + cap(t.notes.tail) + cap(t.segments)*int(unsafe.Sizeof(segment{}))
	for _, w := range workers {
		n += int(unsafe.Sizeof(*w.sums)) + cap(w.buffered)
	}
	return n
}

// TestNotesTakeNoMoreForMore: ten times the documents take the same memory, but for where in
// the file they are, and every note is read back once, by its part.
func TestNotesTakeNoMoreForMore(t *testing.T) {
	t.Parallel()
	const limit = 1 << 19
	at := func(n int) int {
		side := newDigest(t.TempDir())
		side.limit = limit
		defer func() {
			if err := side.notes.close(); err != nil {
				t.Error(err)
			}
		}()
		workers := []*digestWriter{side.newWriter(hasher{}), side.newWriter(hasher{}), side.newWriter(hasher{})}
		most := 0
		for i := range n {
			if err := workers[i%3].add(fmt.Append(nil, "document ", i), nil, binary.AppendUvarint(nil, uint64(i))); err != nil {
				t.Fatal(err)
			}
			if i%1000 == 0 {
				most = max(most, side.held(workers...))
			}
		}
		for _, w := range workers {
			if err := w.close(); err != nil {
				t.Fatal(err)
			}
		}
		found, buf := 0, []byte(nil)
		for part := range partCount {
			var err error
			if buf, err = side.read(part, buf); err != nil {
				t.Fatal(err)
			}
			for rest := buf; len(rest) > 0; rest = rest[noteSize(rest):] {
				id, _, _ := splitKey(rest)
				if bucketOf(id)%partCount != part || !bytes.HasPrefix(id, []byte("document ")) {
					t.Fatalf("%s is in part %d", id, part)
				}
				found++
			}
		}
		if found != n || side.sums.documents() != int64(n) {
			t.Errorf("%d notes of %d documents came back", found, n)
		}
		return max(most, side.held(workers...))
	}
	few, many := at(30_000), at(300_000)
	writes := 300_000 * 40 / limit // to the file
	if most := few + 2*writes*int(unsafe.Sizeof(segment{})); many > most || few > 2*limit+3<<20 {
		t.Errorf("30,000 documents take %d bytes, 300,000 take %d, at most %d are allowed", few, many, most)
	}
}
