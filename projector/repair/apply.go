package repair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"humpty/internal/problem"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/verify"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// deltaApplier writes the documents that events concern, and keeps account of what the index
// must add up to.
type deltaApplier struct {
	*restorer
	delta   *Delta
	getter  sinks.Getter
	most    int64 // documents to be deleted
	indexed int64

	mu  sync.Mutex
	sum *verify.Sum
}

// applyDelta reads all partitions of the view.
func (b *restorer) applyDelta(ctx context.Context, sum *verify.Sum) error {
	c := &deltaApplier{restorer: b, delta: b.result.Delta, sum: sum, indexed: sum.Documents()}
	c.getter, _ = b.index.(sinks.Getter)
	c.most = b.Repair.deletable(c.indexed)
	group, reading := errgroup.WithContext(ctx)
	next := new(atomic.Int64)
	for range max(b.plan.Readers, 1) {
		group.Go(func() error {
			for i := next.Add(1) - 1; int(i) < len(b.plan.Partitions); i = next.Add(1) - 1 {
				if err := c.partition(reading, b.plan.Partitions[i]); err != nil {
					return fmt.Errorf("partition %s: %w", b.plan.Partitions[i].ID, err)
				}
			}
			return nil
		})
	}
	err := group.Wait()
	if fenced, ok := b.view.(sources.EndOffsets); ok {
		c.delta.To = generation.FormatPositions(fenced.EndOffsets())
	}
	if traced, ok := b.view.(sources.PartitionCounter); ok {
		c.delta.Inputs = traced.PartitionCounts()
	}
	if err != nil {
		return err
	}
	return c.balanced()
}

// balanced is nil if every event and every document ended somewhere, and few enough as poison.
func (c *deltaApplier) balanced() error {
	var in sources.Counts
	for id, one := range c.delta.Inputs {
		if !one.Balanced() {
			return &ledger.Unbalanced{Ledger: ledger.Ledger{Inputs: one}, Partition: id, Why: "events without an end"}
		}
		in.Add(one)
	}
	if d := c.delta; d.Keys != d.Written+d.Deleted+d.Same+d.Rejected {
		return &ledger.Unbalanced{Ledger: ledger.Ledger{Inputs: in, Produced: d.Keys, Written: d.Written, Deleted: d.Deleted, Rejected: d.Rejected}}
	}
	if limit := c.Projection.Limits.Poison; in.Poison > limit {
		return &ledger.TooMuchPoison{Poison: in.Poison, Limit: limit}
	}
	return nil
}

func (c *deltaApplier) partition(ctx context.Context, p sources.Partition) (err error) {
	reader, err := c.view.Read(ctx, p, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close(ctx)) }()
	batch := &sources.Batch{}
	for {
		batch.Reset()
		batch.Limit = min(c.Projection.Limits.Batch, verify.BatchBytes)
		if err := reader.Next(ctx, batch); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for records := batch.Records; len(records) > 0; {
			n := min(len(records), concernedAtOnce)
			if err := c.batch(ctx, records[:n]); err != nil {
				return err
			}
			records = records[n:]
		}
	}
}

// concernedAtOnce is how many documents are read of the index in one request.
const concernedAtOnce = 1000

// batch reads what the index has of some documents, and writes those that are others now.
func (c *deltaApplier) batch(ctx context.Context, records []sources.Record) error {
	keys, found := make([]sinks.Key, len(records)), make([]sinks.Found, len(records))
	for i := range records {
		keys[i] = sinks.Key{ID: records[i].Key, Routing: records[i].Routing}
	}
	if err := c.getter.Get(ctx, keys, found); err != nil {
		return fmt.Errorf("read %d documents of the index: %w", len(keys), err)
	}
	var docs []sinks.Document
	var old []*sinks.Found
	err := c.locked(func() error {
		c.delta.Keys += int64(len(records))
		for i := range records {
			r, was := &records[i], &found[i]
			d := sinks.Document{ID: r.Key, Routing: r.Routing, Version: c.epoch << 40, Body: r.Value}
			switch {
			case r.Reject != "":
				if err := c.refuse(d, was, ledger.RejectedBySource, r.Reject); err != nil {
					return err
				}
			case holds(r, was):
				c.delta.Same++
			default:
				docs, old = append(docs, d), append(old, was)
			}
		}
		return nil
	})
	if err != nil || len(docs) == 0 {
		return err
	}
	verdicts, err := write.Send(ctx, c.index, docs)
	if err != nil {
		return err
	}
	return c.locked(func() error { return c.account(docs, old, verdicts) })
}

func (c *deltaApplier) locked(do func() error) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	return do()
}

// refuse books a document that cannot be in the index. What it has of it stays: that is not
// as the topics have it.
func (c *deltaApplier) refuse(d sinks.Document, old *sinks.Found, kind, reason string) error {
	c.delta.Rejected++
	c.reject(ledger.Rejection{ID: string(d.ID), Type: kind, Reason: reason})
	if old.There {
		c.changes.Unfixed++
		if len(c.changes.Left) < verify.DetailsShown {
			c.changes.Left = append(c.changes.Left, verify.Difference{ID: string(d.ID), Routing: string(d.Routing), Kind: verify.Stale})
		}
	}
	return c.Repair.Letters.Put(ledger.Letter(c.result.Generation, d, kind, reason))
}

// account books what became of what was written.
func (c *deltaApplier) account(docs []sinks.Document, old []*sinks.Found, verdicts []sinks.Verdict) error {
	for i, v := range verdicts {
		switch v.Outcome {
		case sinks.Written, sinks.Deleted:
			if old[i].There {
				c.sum.Remove(old[i].Document)
			}
			if docs[i].Body == nil {
				c.delta.Deleted++
				c.changes.Deleted++
				break
			}
			c.sum.Add(docs[i])
			c.delta.Written++
			c.changes.Written++
		case sinks.Rejected:
			if err := c.refuse(docs[i], old[i], v.Type, v.Reason); err != nil {
				return err
			}
		}
	}
	switch limit := c.Projection.Limits.Rejections; {
	case c.changes.Rejected > limit+ledger.HopelessExcess:
		return &ledger.TooManyRejections{Rejected: c.changes.Rejected, Limit: limit, First: c.changes.Rejections}
	case c.delta.Deleted > c.most:
		return &problem.Refusal{
			Why: fmt.Sprintf("events since the snapshot delete %d and more of the %d documents of %s; at most %d may be deleted. The alias was not touched",
				c.delta.Deleted, c.indexed, c.result.Generation, c.most),
			Remedy: fmt.Sprintf("if they must go: humpty restore %s --snapshot %s/%s --max-delete N", c.Projection.Name, c.Restore.Repository, c.Restore.Snapshot),
		}
	}
	return nil
}
