package spill

import "fmt"

// Reader reads passes over buckets, one at a time, and has the entries of a pass
// together by key. It keeps its memory for the next.
type Reader struct {
	buckets *Buckets
	loader  loader
	keyIndex
}

// NewReader reads what is in these buckets.
func NewReader(of *Buckets) Reader { return Reader{buckets: of} }

// Open groups one pass over a bucket.
func (r *Reader) Open(bucket int, pass uint64) error {
	b := &r.buckets.all[bucket]
	from, to := Span(bucket, pass, r.buckets.Passes(bucket))
	blocks := b.blocks
	if b.file != nil {
		var err error
		if blocks, err = r.loader.load(b.file, b.onDisk, from, to); err != nil {
			return fmt.Errorf("read events back from disk: %w", err)
		}
	}
	r.build(blocks, from, to)
	return nil
}
