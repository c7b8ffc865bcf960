package repair

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"humpty/internal/printable"
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
func (r *restorer) applyDelta(ctx context.Context, sum *verify.Sum) error {
	c := &deltaApplier{restorer: r, delta: r.result.Delta, sum: sum, indexed: sum.Documents()}
	c.getter, _ = r.index.(sinks.Getter)
	c.most = r.Repair.limits().Deletable(c.indexed)
	group, reading := errgroup.WithContext(ctx)
	next := new(atomic.Int64)
	for range max(r.plan.Readers, 1) {
		group.Go(func() error {
			for i := next.Add(1) - 1; int(i) < len(r.plan.Partitions); i = next.Add(1) - 1 {
				if err := c.partition(reading, r.plan.Partitions[i]); err != nil {
					return fmt.Errorf("partition %s: %w", r.plan.Partitions[i].ID, err)
				}
			}
			return nil
		})
	}
	err := group.Wait()
	if fenced, ok := r.view.(sources.EndOffsets); ok {
		c.delta.To = generation.Offsets(generation.FormatPositions(fenced.EndOffsets()))
	}
	if traced, ok := r.view.(sources.PartitionCounter); ok {
		c.delta.Inputs = traced.PartitionCounts()
	}
	if err != nil {
		return err
	}
	return c.balanced()
}

// balanced is nil if every event and every document ended somewhere, and few enough as poison.
func (a *deltaApplier) balanced() error {
	var in sources.Counts
	for id, one := range a.delta.Inputs {
		if !one.Balanced() {
			return &ledger.Unbalanced{Ledger: ledger.Ledger{Inputs: one}, Partition: id, Why: "events without an end"}
		}
		in.Add(one)
	}
	if d := a.delta; d.Keys != d.Written+d.Deleted+d.Same+d.Rejected {
		return &ledger.Unbalanced{Ledger: ledger.Ledger{Inputs: in, Produced: d.Keys, Written: d.Written, Deleted: d.Deleted, Rejected: d.Rejected}}
	}
	if limit := a.Projection.Limits.Poison; in.Poison > limit {
		return &ledger.TooMuchPoison{Poison: in.Poison, Limit: limit}
	}
	return nil
}

func (a *deltaApplier) partition(ctx context.Context, p sources.Partition) (err error) {
	reader, err := a.view.Read(ctx, p, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close(ctx)) }()
	batch := &sources.Batch{}
	for {
		batch.Reset()
		batch.Limit = min(a.Projection.Limits.Batch, verify.BatchBytes)
		if err := reader.Next(ctx, batch); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return err
		}
		for records := batch.Records; len(records) > 0; {
			n := min(len(records), concernedAtOnce)
			if err := a.batch(ctx, records[:n]); err != nil {
				return err
			}
			records = records[n:]
		}
	}
}

// concernedAtOnce is how many documents are read of the index in one request.
const concernedAtOnce = 1000

// batch reads what the index has of some documents, and writes those that are others now.
func (a *deltaApplier) batch(ctx context.Context, records []sources.Record) error {
	keys, found := make([]sinks.Key, len(records)), make([]sinks.Found, len(records))
	for i := range records {
		keys[i] = sinks.Key{ID: records[i].Key, Routing: records[i].Routing}
	}
	if err := a.getter.Get(ctx, keys, found); err != nil {
		return fmt.Errorf("read %d documents of the index: %w", len(keys), err)
	}
	var docs []sinks.Document
	var old []*sinks.Found
	err := a.locked(func() error {
		a.delta.Keys += int64(len(records))
		for i := range records {
			r, was := &records[i], &found[i]
			d := sinks.Document{ID: r.Key, Routing: r.Routing, Version: a.epoch << 40, Body: r.Value}
			switch {
			case r.Reject != "":
				if err := a.refuse(d, was, ledger.RejectedBySource, r.Reject); err != nil {
					return err
				}
			case holds(r, was):
				a.delta.Same++
			default:
				docs, old = append(docs, d), append(old, was)
			}
		}
		return nil
	})
	if err != nil || len(docs) == 0 {
		return err
	}
	verdicts, _, err := write.Send(ctx, a.index, docs) // each is written once: a late attempt changes nothing
	if err != nil {
		return err
	}
	return a.locked(func() error { return a.account(docs, old, verdicts) })
}

func (a *deltaApplier) locked(do func() error) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	return do()
}

// refuse books a document that cannot be in the index. What it has of it stays: that is not
// as the topics have it.
func (a *deltaApplier) refuse(d sinks.Document, old *sinks.Found, kind, reason string) error {
	a.delta.Rejected++
	if old.There {
		a.changes.Unfixed++
		if len(a.changes.Left) < verify.DetailsShown {
			a.changes.Left = append(a.changes.Left, verify.Difference{ID: string(d.ID), Routing: string(d.Routing), Kind: verify.Stale})
		}
	}
	return a.repairer.refuse(d, kind, reason)
}

// account books what became of what was written.
func (a *deltaApplier) account(docs []sinks.Document, old []*sinks.Found, verdicts []sinks.Verdict) error {
	for i, v := range verdicts {
		switch v.Outcome {
		case sinks.Written, sinks.Deleted:
			if old[i].There {
				a.sum.Remove(old[i].Document)
			}
			if docs[i].Body == nil {
				a.delta.Deleted++
				a.changes.Deleted++
				break
			}
			a.sum.Add(docs[i])
			a.delta.Written++
			a.changes.Written++
		case sinks.Rejected:
			if err := a.refuse(docs[i], old[i], v.Type, v.Reason); err != nil {
				return err
			}
		}
	}
	switch limit := a.Projection.Limits.Rejections; {
	case a.changes.Rejected > limit+ledger.HopelessExcess:
		return &ledger.TooManyRejections{Rejected: a.changes.Rejected, Limit: limit, First: a.changes.Rejections}
	case a.delta.Deleted > a.most:
		return &problem.Refusal{
			Why: fmt.Sprintf("events since the snapshot delete %d and more of the %d documents of %s; at most %d may be deleted. The alias was not touched",
				a.delta.Deleted, a.indexed, a.result.Generation, a.most),
			Remedy: fmt.Sprintf("if they must go: humpty restore %s --snapshot %s --max-delete N", a.Projection.Name, printable.Shell(a.Restore.Repository+"/"+a.Restore.Snapshot)),
		}
	}
	return nil
}
