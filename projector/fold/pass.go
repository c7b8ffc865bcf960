package fold

import "fmt"

// passReader reads passes over buckets, one at a time, and has the entries of a pass
// together by key. It keeps its memory for the next.
type passReader struct {
	buckets *buckets
	loader  loader
	grouping
}

func newPassReader(of *buckets) passReader { return passReader{buckets: of} }

// open groups one pass over a bucket.
func (r *passReader) open(bucket int, pass uint64) error {
	b := &r.buckets.all[bucket]
	from, to := span(bucket, pass, r.buckets.passes(bucket))
	blocks := b.blocks
	if b.file != nil {
		var err error
		if blocks, err = r.loader.load(b.file, b.filed, from, to); err != nil {
			return fmt.Errorf("read events back from disk: %w", err)
		}
	}
	r.byKey(blocks, from, to)
	return nil
}
