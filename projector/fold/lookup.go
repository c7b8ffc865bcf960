package fold

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/zeebo/xxh3"

	"humpty/projector/fold/spill"
	"humpty/sources"
)

var _ sources.Lookup = (*view)(nil)

// Lookup folds the events of the given keys. It goes through all events that may be of one
// of them, so one call with many keys is much better than many calls.
func (v *view) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) (err error) {
	f, err := v.source.New()
	if err != nil {
		return fmt.Errorf("fold: %w", err)
	}
	wanted := make([]lookupKey, len(keys))
	for i, key := range keys {
		wanted[i] = lookupKey{hash: xxh3.Hash(key), key: key}
	}
	slices.SortFunc(wanted, func(a, b lookupKey) int {
		return cmp.Or(cmp.Compare(a.hash, b.hash), bytes.Compare(a.key, b.key))
	})
	wanted = slices.CompactFunc(wanted, func(a, b lookupKey) bool { return bytes.Equal(a.key, b.key) })
	r := v.reader(f)
	defer func() { err = errors.Join(err, r.close()) }()
	r.quiet = true
	for len(wanted) > 0 {
		if err := ctx.Err(); err != nil {
			return context.Cause(ctx)
		}
		r.bucket = spill.BucketOf(wanted[0].hash)
		passes := v.buckets.Passes(r.bucket)
		r.pass = (wanted[0].hash - uint64(r.bucket)<<56) / (uint64(1) << 56 / passes)
		if err := r.openPass(); err != nil {
			return fmt.Errorf("fold: %w", err)
		}
		_, to := spill.Span(r.bucket, r.pass, passes)
		n := 0
		for n < len(wanted) && (to == 0 || wanted[n].hash < to) && spill.BucketOf(wanted[n].hash) == r.bucket {
			n++
		}
		if err := r.lookupKeys(ctx, wanted[:n], b); err != nil {
			return fmt.Errorf("fold: %w", err)
		}
		wanted = wanted[n:]
	}
	return nil
}

type lookupKey struct {
	hash uint64
	key  []byte
}

// lookupKeys appends a record for each of the keys of the present pass, which are in order.
func (r *reader) lookupKeys(ctx context.Context, wanted []lookupKey, b *sources.Batch) error {
	for _, w := range wanted {
		for r.at < len(r.events.Groups) && w.after(r.events.Groups[r.at].Hash, r.events.Key(r.events.Groups[r.at])) {
			r.at++
		}
		had := len(b.Records)
		if r.at < len(r.events.Groups) && bytes.Equal(r.events.Key(r.events.Groups[r.at]), w.key) {
			if err := r.appendDocument(ctx, r.events.Groups[r.at], b); err != nil {
				return err
			}
		}
		if len(b.Records) == had {
			b.Records = append(b.Records, sources.Record{Key: b.Hold(w.key), Deleted: true})
		}
	}
	return nil
}

// after reports whether w comes after another key in the order of the buckets.
func (w lookupKey) after(hash uint64, key []byte) bool {
	return hash < w.hash || hash == w.hash && bytes.Compare(key, w.key) < 0
}
