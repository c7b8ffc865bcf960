package sourcetest

import (
	"context"
	"errors"
	"io"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"humpty/sources"
)

// testSplit cuts every partition again and again while it is read.
func testSplit(t *testing.T, h Harness) {
	p, v := plan(t, h), open(t, h)
	part := p.Partitions[len(p.Partitions)/2]
	whole := flat(read(t, v, part, ""))
	for _, before := range []int{0, 2} {
		lines, can := readSplitting(t, v, part, before)
		if !can {
			t.Skip("the readers of this source do not split")
		}
		sameLines(t, part.ID+" in parts", sorted(lines), sorted(whole))
	}
	testSplitTogether(t, p, v, sorted(h.Want))
}

// readSplitting reads some batches of a partition, asks for parts of the rest while it reads
// the next ones, and reads the parts, in which it does the same.
func readSplitting(t *testing.T, v sources.View, part sources.Partition, before int) (lines []string, can bool) {
	t.Helper()
	r, err := v.Read(t.Context(), part, "")
	if err != nil {
		t.Fatal(err)
	}
	s, can := r.(sources.Splitter)
	if !can {
		_ = r.Close(t.Context())
		return nil, false
	}
	var parts []sources.Partition
	b := sources.Batch{Limit: limit}
	for n := 0; ; n++ {
		if n >= before && n < before+3 {
			rest, ok, err := s.Split(t.Context())
			if err != nil {
				t.Fatalf("split %s: %v", part.ID, err)
			}
			if ok && rest.ID != part.ID {
				t.Errorf("a part of %s is called %s", part.ID, rest.ID)
			}
			if ok {
				parts = append(parts, rest)
			}
		}
		b.Reset()
		if err := r.Next(t.Context(), &b); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			t.Fatal(err)
		}
		check(t, part, &b)
		for _, rec := range b.Records {
			lines = append(lines, line(rec))
		}
	}
	if _, ok, err := s.Split(t.Context()); ok || err != nil {
		t.Errorf("%s: at its end a reader gives something up, or %v", part.ID, err)
	}
	if err := r.Close(t.Context()); err != nil {
		t.Error(err)
	}
	if _, ok, _ := s.Split(t.Context()); ok {
		t.Errorf("%s: a closed reader gives something up", part.ID)
	}
	for _, p := range parts {
		more, _ := readSplitting(t, v, p, before)
		lines = append(lines, more...)
	}
	return lines, true
}

// testSplitTogether lets as many readers as are allowed read everything, each asked for
// parts by another goroutine while it reads.
func testSplitTogether(t *testing.T, p sources.Plan, v sources.View, want []string) {
	t.Helper()
	var mu sync.Mutex
	var lines []string
	left := p.Partitions
	take := func() (part sources.Partition, ok bool) {
		mu.Lock()
		defer mu.Unlock()
		if len(left) == 0 {
			return part, false
		}
		part, left = left[0], left[1:]
		return part, true
	}
	split := func(ctx context.Context, s sources.Splitter) error {
		for range 5 {
			rest, ok, err := s.Split(ctx)
			if !ok || err != nil {
				return err
			}
			mu.Lock()
			left = append(left, rest)
			mu.Unlock()
		}
		return nil
	}
	var g errgroup.Group
	for range p.Readers {
		g.Go(func() error {
			for part, ok := take(); ok; part, ok = take() {
				r, err := v.Read(t.Context(), part, "")
				if err != nil {
					return err
				}
				var asking errgroup.Group
				if s, ok := r.(sources.Splitter); ok {
					asking.Go(func() error { return split(t.Context(), s) })
				}
				var mine []string
				b := sources.Batch{Limit: limit}
				for err = r.Next(t.Context(), &b); err == nil; err = r.Next(t.Context(), &b) {
					for _, rec := range b.Records {
						mine = append(mine, line(rec))
					}
					b.Reset()
				}
				if !errors.Is(err, io.EOF) {
					return err
				}
				if err := errors.Join(asking.Wait(), r.Close(t.Context())); err != nil {
					return err
				}
				mu.Lock()
				lines = append(lines, mine...)
				mu.Unlock()
			}
			return nil
		})
	}
	if err := g.Wait(); err != nil {
		t.Fatal(err)
	}
	sameLines(t, "everything in parts", sorted(lines), want)
}
