package verify

import (
	"context"
	"fmt"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"humpty/internal/wait"
	"humpty/sources"
)

// count compares the numbers of documents. While others write, the index must hold a number
// that the source had at some moment around, but for documents that are known to be refused:
// of these it may hold an older one, or none.
func (k *check) count(ctx context.Context) (Report, error) {
	v := &verdict{check: k}
	v.report.Level = string(Count)
	tries := maxRounds
	if k.Static {
		tries = 1
	}
	for round := range tries {
		if round > 0 {
			if err := k.waitSettled(ctx); err != nil {
				return v.report, err
			}
		}
		before, have, after, err := k.countBoth(ctx)
		if err != nil {
			return v.report, err
		}
		low, high := min(before.sure, after.sure), max(before.most, after.most)
		v.report.Documents, v.report.Rejected = after.most, k.Refusals.Len()
		v.report.Missing, v.report.Extra = max(low-have, 0), max(have-high, 0)
		if !v.report.Differs() {
			break
		}
	}
	return v.report, nil
}

// waitSettled returns when what was on its way has arrived.
func (k *check) waitSettled(ctx context.Context) error {
	if k.CatchUp != nil {
		return k.CatchUp(ctx, func([][]byte) {})
	}
	return wait.For(ctx, k.SettleTime)
}

// sourceCount is how many documents an index of the source has: at most, and with none of those
// that are known to be refused.
type sourceCount struct{ sure, most int64 }

func (k *check) countBoth(ctx context.Context) (before sourceCount, have int64, after sourceCount, err error) {
	before, err = k.countSource(ctx)
	if err != nil {
		return before, 0, after, fmt.Errorf("count the documents of the source: %w", err)
	}
	if have, err = k.Index.Count(ctx); err != nil {
		return before, 0, after, fmt.Errorf("count the documents of the index: %w", err)
	}
	if after = before; !k.Static {
		if after, err = k.countSource(ctx); err != nil {
			err = fmt.Errorf("count the documents of the source: %w", err)
		}
	}
	return before, have, after, err
}

// checkSourceCount makes sure that the partitions gave all that the source has: both the load and
// a comparison by them would miss what is in none. The source counts in another way.
func (k *check) checkSourceCount(ctx context.Context, read int64) error {
	counter, ok := k.View.(sources.Counter)
	if !ok || !k.Static {
		return nil
	}
	n, err := counter.Count(ctx)
	if err != nil {
		return fmt.Errorf("count the documents of the source: %w", err)
	}
	if n != read {
		return fmt.Errorf("the source has %d documents, but its %d partitions gave %d: nothing is proven; this is a defect, please report it", n, len(k.Plan.Partitions), read)
	}
	return nil
}

// countSource counts what the source has now, by reading it if there is no other way.
func (k *check) countSource(ctx context.Context) (n sourceCount, err error) {
	view := k.View
	switch {
	case k.Documents > 0:
		return sourceCount{k.Documents, k.Documents}, nil
	case !k.Static && k.Source != nil:
		view = nil
	}
	err = k.withView(ctx, view, func(view sources.View) error {
		if counter, ok := view.(sources.Counter); ok {
			n.most, err = counter.Count(ctx)
			n.sure = max(n.most-k.Refusals.Len(), 0)
			return err
		}
		var total, refused atomic.Int64
		group, reading := errgroup.WithContext(ctx)
		next, all := new(atomic.Int64), &partitions{view, k.Plan, k.Batch}
		for range max(k.Plan.Readers, 1) {
			group.Go(func() error {
				return all.each(reading, next, func(r *sources.Record) error {
					if !r.Deleted && r.Reject == "" {
						total.Add(1)
						if _, known := k.Refusals.Of(r.Key); known {
							refused.Add(1)
						}
					}
					return nil
				})
			})
		}
		err = group.Wait()
		n = sourceCount{total.Load() - refused.Load(), total.Load()}
		return err
	})
	return n, err
}
