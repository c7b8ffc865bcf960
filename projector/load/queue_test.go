package load

import (
	"context"
	"fmt"
	"io"
	"maps"
	"slices"
	"sync"
	"testing"

	"humpty/projector/checkpoint"
	"humpty/projector/ledger"
	"humpty/sources"
)

// numbers is a source of documents 0…n-1, whose readers hold still after their first batch
// until as many are there as are wanted.
type numbers struct {
	perBatch int
	readers  int           // that are there before any goes on
	enough   chan struct{} // closed then

	mu   sync.Mutex
	open int
	most int // readers at once
	cuts int
}

func (s *numbers) Read(_ context.Context, p sources.Partition, _ sources.Position) (sources.Reader, error) {
	r := &numbersReader{source: s, part: p}
	if _, err := fmt.Sscan(p.From, &r.at); err != nil {
		return nil, err
	}
	if _, err := fmt.Sscan(p.To, &r.end); err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open++
	if s.most < s.open {
		if s.most = s.open; s.most == s.readers {
			close(s.enough)
		}
	}
	return r, nil
}

func (s *numbers) Close(context.Context) error { return nil }

type numbersReader struct {
	source  *numbers
	part    sources.Partition
	mu      sync.Mutex
	at, end int
	batches int
}

func (r *numbersReader) Next(ctx context.Context, b *sources.Batch) error {
	if r.batches++; r.batches == 2 {
		select { // every reader waits, so that whoever has nothing to do must have been given something
		case <-r.source.enough:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.at >= r.end {
		return io.EOF
	}
	for range min(r.source.perBatch, r.end-r.at) {
		b.Records = append(b.Records, sources.Record{Key: fmt.Append(nil, r.at)})
		b.Counts.Read++
		r.at++
	}
	return nil
}

func (r *numbersReader) Split(context.Context) (sources.Partition, bool, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.end-r.at < 4*r.source.perBatch {
		return sources.Partition{}, false, nil
	}
	rest := r.part
	middle := (r.at + r.end) / 2
	rest.From, rest.To, rest.Rows = fmt.Sprint(middle), fmt.Sprint(r.end), int64(r.end-middle)
	r.end = middle
	r.source.mu.Lock()
	defer r.source.mu.Unlock()
	r.source.cuts++
	return rest, true, nil
}

func (r *numbersReader) Close(context.Context) error {
	r.source.mu.Lock()
	defer r.source.mu.Unlock()
	r.source.open--
	return nil
}

// TestNobodyIsIdle: readers that find no partition take the rest of others', and what was
// split is done, and written down so, once all its parts are.
func TestNobodyIsIdle(t *testing.T) {
	t.Parallel()
	for name, bounds := range map[string][]int{
		"one partition":            {0, 1000},
		"the last is much larger":  {0, 10, 20, 1000},
		"the first is much larger": {0, 900, 950, 1000},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store, err := checkpoint.Open(t.TempDir(), checkpoint.Options{})
			if err != nil {
				t.Fatal(err)
			}
			defer func() { _ = store.Close() }()
			j, err := checkpoint.ReadJournal(store)
			if err != nil {
				t.Fatal(err)
			}
			const readers = 4
			s := &numbers{perBatch: 10, readers: readers, enough: make(chan struct{})}
			var parts []sources.Partition
			for i := range bounds[1:] {
				parts = append(parts, sources.Partition{ID: fmt.Sprint("p", i), From: fmt.Sprint(bounds[i]), To: fmt.Sprint(bounds[i+1]), Rows: 10})
			}
			shares := ledger.NewPartitions(10, j.Sums(), j.PartitionDone())
			account := newBudget(1<<20, fixed(1000), 2*readers)
			var mu sync.Mutex
			seen := map[string]int{}
			done := func() int {
				n := 0
				if err := store.Kept(func(string, []byte) error { n++; return nil }); err != nil {
					t.Error(err)
				}
				return n
			}
			err = readAll(t.Context(), s, parts, readers, account, shares, func(_ context.Context, b *sources.Batch) error {
				mu.Lock()
				defer mu.Unlock()
				for _, r := range b.Records {
					seen[string(r.Key)]++
				}
				if n := done(); n == len(parts) {
					t.Error("all partitions are done before the last batch has its verdict")
				}
				shares.Book(b.Partition).AddInput(b.Counts)
				partition := b.Partition // behind put it is somebody else's
				account.put(b)
				return shares.Done(partition)
			})
			if err != nil {
				t.Fatal(err)
			}
			if s.most != readers || s.open != 0 || s.cuts < readers-len(bounds)+1 {
				t.Errorf("%d readers at once, %d left open, %d cuts", s.most, s.open, s.cuts)
			}
			if len(seen) != 1000 || slices.Max(slices.Collect(maps.Values(seen))) != 1 {
				t.Errorf("%d documents, one of them %d times", len(seen), slices.Max(slices.Collect(maps.Values(seen))))
			}
			again, err := checkpoint.ReadJournal(store)
			if err != nil || len(again.Done) != len(parts) {
				t.Fatalf("%d partitions are done, want %d (%v)", len(again.Done), len(parts), err)
			}
			for i := range bounds[1:] {
				if sum := again.Done[fmt.Sprint("p", i)].Ledger.Inputs; sum.Read != int64(bounds[i+1]-bounds[i]) {
					t.Errorf("p%d: %d documents are written down, want %d", i, sum.Read, bounds[i+1]-bounds[i])
				}
			}
		})
	}
}

// TestSplitThatFails ends the pass with the partition's name.
func TestSplitThatFails(t *testing.T) {
	t.Parallel()
	s := &numbers{perBatch: 10, readers: 2, enough: make(chan struct{})}
	view := brokenSplit{s}
	err := readAll(t.Context(), view, []sources.Partition{{ID: "p0", From: "0", To: "100"}}, 2, newBudget(1<<20, fixed(1000), 4), nil,
		func(context.Context, *sources.Batch) error { return nil })
	if err == nil || err.Error() != "split partition p0: no" {
		t.Errorf("%v", err)
	}
}

type brokenSplit struct{ *numbers }

func (v brokenSplit) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	r, err := v.numbers.Read(ctx, p, from)
	return brokenReader{r}, err
}

type brokenReader struct{ sources.Reader }

func (brokenReader) Split(context.Context) (sources.Partition, bool, error) {
	return sources.Partition{}, false, fmt.Errorf("no")
}
