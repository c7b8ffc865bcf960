package projector

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"humpty/sinks"
)

// verify compares the sealed generation with the view it was loaded from.
func (n *run) verify(ctx context.Context) error {
	c := &comparison{
		view:       n.view,
		partitions: n.input.Partitions,
		readers:    max(n.input.Readers, 1),
		index:      n.index,
		limits:     n.Projection.Limits,
		skip:       n.ledger.rejectedIDs(),
		progress:   func(docs, bytes int64) { n.observer.compared(docs, n.meta.Documents, bytes) },
	}
	level := n.Projection.Verify.level()
	verdict := sinks.Verification{Level: string(level)}
	counted, err := n.index.Count(ctx)
	if err != nil {
		return fmt.Errorf("count index %s: %w", n.record.Generation, err)
	}
	verdict.Documents = n.meta.Documents
	if counted != n.meta.Documents && level == LevelCount {
		verdict.Missing, verdict.Extra = max(n.meta.Documents-counted, 0), max(counted-n.meta.Documents, 0)
	}
	var first []Difference
	if level == LevelFull {
		if verdict, first, err = c.full(ctx); err != nil {
			return err
		}
	}
	verdict.At = time.Now().UTC()
	n.meta.Verified, n.record.Verified, n.record.Differing = &verdict, &verdict, first
	if verdict.Missing+verdict.Stale+verdict.Extra > 0 {
		n.meta.Verified = nil
		return &Differs{Missing: verdict.Missing, Stale: verdict.Stale, Extra: verdict.Extra, First: first}
	}
	return n.note(ctx, sinks.Verified)
}

// openAtMost bounds how many documents of differing buckets are held in memory.
const openAtMost = 1 << 20

// differencesShown is how many differences are named.
const differencesShown = 10

// full compares document by document: sums of both sides, then only the buckets that differ.
func (c *comparison) full(ctx context.Context) (sinks.Verification, []Difference, error) {
	verdict := sinks.Verification{Level: string(LevelFull)}
	source, index, err := c.sum(ctx)
	if err != nil {
		return verdict, nil, err
	}
	verdict.Documents = source.documents()
	open := source.differing(index)
	if len(open) == 0 {
		return verdict, nil, nil
	}
	rest := narrow(open, source, index)
	for bucket := range rest { // not opened: what the counts say is the least there is
		s, i := source[bucket].docs, index[bucket].docs
		verdict.Missing += max(s-i, 0)
		verdict.Extra += max(i-s, 0)
		if s == i {
			verdict.Stale++
		}
	}
	want, have := hashes{}, hashes{}
	if err := c.both(ctx, collector(want, open), collector(have, open)); err != nil {
		return verdict, nil, err
	}
	return verdict, differences(want, have, &verdict), nil
}

// narrow takes out of open the buckets beyond openAtMost documents, and returns them.
func narrow(open map[int]bool, source, index *sums) map[int]bool {
	rest := map[int]bool{}
	var docs int64
	for bucket := range open {
		docs += source[bucket].docs + index[bucket].docs
		if docs > openAtMost {
			rest[bucket] = true
			delete(open, bucket)
		}
	}
	return rest
}

// differences adds to verdict what differs between the two sides, and names the first.
func differences(want, have hashes, verdict *sinks.Verification) []Difference {
	var all []Difference
	for id, hash := range want {
		got, ok := have[id]
		switch {
		case !ok:
			verdict.Missing++
			all = append(all, Difference{ID: id, Kind: "missing"})
		case got != hash:
			verdict.Stale++
			all = append(all, Difference{ID: id, Kind: "stale"})
		}
	}
	for id := range have {
		if _, ok := want[id]; !ok {
			verdict.Extra++
			all = append(all, Difference{ID: id, Kind: "extra"})
		}
	}
	slices.SortFunc(all, func(a, b Difference) int { return strings.Compare(a.ID, b.ID) })
	return all[:min(len(all), differencesShown)]
}
