package verify

import (
	"context"
	"fmt"
	"math/bits"
	"strconv"
	"strings"
	"sync"

	"github.com/zeebo/xxh3"
	"golang.org/x/sync/errgroup"

	"humpty/internal/canonjson"
	"humpty/sinks"
)

// Sum is the sum of a set of documents: with what came to it and what went it says what
// the set must add up to now, without reading the rest. It is for one goroutine.
type Sum struct {
	form string // how bodies were compared; sums of different forms have nothing to do with each other
	sum
	hasher hasher
}

// The forms of bodies in a sum.
const (
	asBytes = "bytes"
	asJSON  = "json"
)

func newSum(canonical bool, ignore *canonjson.Paths, total sum) *Sum {
	s := &Sum{form: asBytes, sum: total}
	if canonical {
		s.form = asJSON
		if ignore != nil {
			s.form += "-" + strconv.FormatUint(xxh3.HashString(ignore.String()), 16)
		}
		s.hasher.form = &canonjson.Form{Ignore: ignore}
	}
	return s
}

// ParseSum reads what String wrote. It returns false where that is nothing, or where other
// fields were left out then.
func ParseSum(text string, ignore *canonjson.Paths) (*Sum, bool) {
	form, rest, _ := strings.Cut(text, ":")
	s := newSum(form != asBytes, ignore, sum{})
	if s.form != form {
		return nil, false
	}
	if _, err := fmt.Sscanf(rest, "%d:%016x%016x", &s.docs, &s.hi, &s.lo); err != nil {
		return nil, false
	}
	return s, s.String() == text
}

// String is what ParseSum reads.
func (s *Sum) String() string { return fmt.Sprintf("%s:%d:%016x%016x", s.form, s.docs, s.hi, s.lo) }

// Documents is how many there are.
func (s *Sum) Documents() int64 { return s.docs }

// Add puts a document in.
func (s *Sum) Add(d sinks.Document) { s.plus(s.hashOf(d)) }

// Remove takes a document out that is in.
func (s *Sum) Remove(d sinks.Document) {
	b := s.hashOf(d)
	lo, borrow := bits.Sub64(0, b.lo, 0)
	hi, _ := bits.Sub64(0, b.hi, borrow)
	s.plus(sum{docs: -1, hi: hi, lo: lo})
}

func (s *Sum) hashOf(d sinks.Document) sum {
	_, hash := s.hasher.document(d.ID, effectiveRouting(d.ID, d.Routing), d.Body)
	return sum{docs: 1, hi: hash.Hi, lo: hash.Lo}
}

// Scan is the sum of all documents of an index, in the form of this one. progress, if not
// nil, is told of the documents and bytes so far, one call at a time.
func (s *Sum) Scan(ctx context.Context, index sinks.Index, ignore *canonjson.Paths, progress func(documents, bytes int64)) (*Sum, error) {
	canonical := s.form != asBytes
	all := newSum(canonical, ignore, sum{})
	var mu sync.Mutex
	var docs, bytes int64
	group, ctx := errgroup.WithContext(ctx)
	for part := range scanParts {
		group.Go(func() error {
			own := newSum(canonical, ignore, sum{})
			err := index.Scan(ctx, part, scanParts, func(some []sinks.Document) error {
				size := int64(0)
				for i := range some {
					own.Add(some[i])
					size += int64(len(some[i].Body))
				}
				mu.Lock()
				defer mu.Unlock()
				if docs, bytes = docs+int64(len(some)), bytes+size; progress != nil {
					progress(docs, bytes)
				}
				return nil
			})
			mu.Lock()
			defer mu.Unlock()
			all.plus(own.sum)
			return err
		})
	}
	if err := group.Wait(); err != nil {
		return nil, fmt.Errorf("add up the index: %w", err)
	}
	return all, nil
}
