package raw

import (
	"encoding/json"
	"fmt"
	"strconv"
	"sync"

	"humpty/sinks"
)

// slab is how much of a corpus is kept in one piece: copying while it grows would need
// its size twice.
const slab = 64 << 20

// Corpus is a set of documents in the form of bulk bodies, in memory: each batch is a
// piece of it, whatever its size, and nothing is copied while it is sent.
type Corpus struct {
	mu        sync.Mutex
	slabs     []piece
	documents int64
	bytes     int64
}

type piece struct {
	data []byte
	ends []int // of the documents
}

// Documents is how many there are.
func (c *Corpus) Documents() int64 { return c.documents }

// Bytes is the size of all bodies, without the lines that say where they go.
func (c *Corpus) Bytes() int64 { return c.bytes }

// Add copies documents to the end, as the lines of a _bulk request with external_gte
// versions. It is safe for concurrent use.
func (c *Corpus) Add(docs []sinks.Document) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range docs {
		d := &docs[i]
		if d.Body == nil {
			return fmt.Errorf("document %s is a delete: a corpus holds documents only", d.ID)
		}
		id, err := json.Marshal(string(d.ID))
		if err != nil {
			return fmt.Errorf("id of document %q: %w", d.ID, err)
		}
		p := c.room(len(id) + len(d.Body) + 128)
		p.data = append(p.data, `{"index":{"_id":`...)
		p.data = append(p.data, id...)
		p.data = append(p.data, `,"version":`...)
		p.data = strconv.AppendInt(p.data, d.Version, 10)
		p.data = append(p.data, `,"version_type":"external_gte"}}`+"\n"...)
		p.data = append(p.data, d.Body...)
		p.data = append(p.data, '\n')
		p.ends = append(p.ends, len(p.data))
		c.documents++
		c.bytes += int64(len(d.Body))
	}
	return nil
}

// room is the last slab, or a new one where n more bytes do not fit.
func (c *Corpus) room(n int) *piece {
	if last := len(c.slabs) - 1; last >= 0 && len(c.slabs[last].data)+n <= cap(c.slabs[last].data) {
		return &c.slabs[last]
	}
	c.slabs = append(c.slabs, piece{data: make([]byte, 0, max(slab, n))})
	return &c.slabs[len(c.slabs)-1]
}

// Batches cuts the corpus into bodies of at most so many bytes, at least one document each.
func (c *Corpus) Batches(limit int) []Batch {
	var all []Batch
	for _, p := range c.slabs {
		start, count := 0, 0
		for i, end := range p.ends {
			count++
			if i+1 == len(p.ends) || p.ends[i+1]-start > limit {
				all = append(all, Batch{Body: p.data[start:end], Documents: count})
				start, count = end, 0
			}
		}
	}
	return all
}

// Batch is the body of one bulk request.
type Batch struct {
	Body      []byte
	Documents int
}
