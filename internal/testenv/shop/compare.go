package shop

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	"humpty/sinks"
)

// Scanner is the part of sinks.Index that Compare needs.
type Scanner interface {
	Scan(ctx context.Context, part, parts int, fn func(docs []sinks.Document) error) error
}

// Comparison is how an index relates to what SQL says it must hold.
type Comparison struct {
	Expected  int64    `json:"expected"` // documents that SQL makes
	Found     int64    `json:"found"`    // documents in the index
	Missing   int64    `json:"missing"`
	Different int64    `json:"different"`
	Extra     int64    `json:"extra"`           // in the index only, or there twice
	First     []string `json:"first,omitempty"` // some, shortest ids first: "4711 is missing"
}

// Equal reports that there is no difference.
func (c Comparison) Equal() bool { return c.Missing+c.Different+c.Extra == 0 }

const (
	firstDifferences = 10
	scanners         = 2
)

// Compare holds every document of the index against the oracle's: as parsed JSON, with
// numbers as exact decimals. Equal bytes are equal JSON, so documents are parsed only in a
// second pass, if the first finds any whose bytes differ. It keeps 16 bytes and the id of
// each document and reads both sides at the same time; the tables and the index should be
// at rest. progress, if not nil, is told how many documents of both sides were read; one
// call at a time.
func Compare(ctx context.Context, dsn string, shape Shape, index Scanner, progress func(read int64)) (Comparison, error) {
	return CompareQuery(ctx, dsn, Oracle(shape), index, progress)
}

// CompareQuery is Compare by another oracle: a SELECT of ids and documents.
func CompareQuery(ctx context.Context, dsn, oracle string, index Scanner, progress func(read int64)) (Comparison, error) {
	c, err := comparePass(ctx, func() summer { return new(bytesSum) }, dsn, oracle, index, progress)
	if err != nil || c.Equal() {
		return c, err
	}
	return comparePass(ctx, func() summer { return new(parsedSum) }, dsn, oracle, index, progress)
}

// comparePass makes one pass; each reading goroutine has a summer of its own.
func comparePass(ctx context.Context, newSummer func() summer, dsn, oracle string, index Scanner, progress func(read int64)) (Comparison, error) {
	c := &comparison{expected: map[string]digest{}, found: map[string]digest{}, progress: progress}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error {
		s := newSummer()
		return eachDocument(ctx, dsn, oracle, func(id, document []byte) error {
			sum, err := s.sum(document)
			if err != nil {
				return fmt.Errorf("shop: the oracle's document %s: %w", id, err)
			}
			c.expect(string(id), sum)
			return nil
		})
	})
	for part := range scanners {
		group.Go(func() error {
			s := newSummer()
			return index.Scan(ctx, part, scanners, func(docs []sinks.Document) error {
				for _, d := range docs {
					sum, err := s.sum(d.Body)
					if err != nil {
						return fmt.Errorf("shop: document %s of the index: %w", d.ID, err)
					}
					c.find(string(d.ID), sum)
				}
				return nil
			})
		})
	}
	if err := group.Wait(); err != nil {
		return Comparison{}, err
	}
	return c.result(), nil
}

type comparison struct {
	mu              sync.Mutex
	expected, found map[string]digest
	twice           []string
	read            int64
	progress        func(int64)
}

func (c *comparison) expect(id string, sum digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.expected[id] = sum
	c.count()
}

func (c *comparison) find(id string, sum digest) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if _, ok := c.found[id]; ok {
		c.twice = append(c.twice, id)
	}
	c.found[id] = sum
	c.count()
}

func (c *comparison) count() {
	c.read++
	if c.progress != nil && c.read%1_000 == 0 {
		c.progress(c.read)
	}
}

func (c *comparison) result() Comparison {
	r := Comparison{Expected: int64(len(c.expected)), Found: int64(len(c.found) + len(c.twice)), Extra: int64(len(c.twice))}
	var named []string
	for _, id := range c.twice {
		named = append(named, id+" is there twice")
	}
	for id, sum := range c.expected {
		switch got, ok := c.found[id]; {
		case !ok:
			r.Missing++
			named = append(named, id+" is missing")
		case got != sum:
			r.Different++
			named = append(named, id+" is different")
		}
	}
	for id := range c.found {
		if _, ok := c.expected[id]; !ok {
			r.Extra++
			named = append(named, id+" is extra")
		}
	}
	slices.SortFunc(named, func(a, b string) int { return cmp.Or(cmp.Compare(len(a), len(b)), cmp.Compare(a, b)) })
	r.First = slices.Clone(named[:min(len(named), firstDifferences)])
	return r
}
