package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"
	"humpty/internal/canonjson"
	"humpty/sinks"
	"humpty/sources"
)

// scanParts is how many slices of an index are read at once.
const scanParts = 4

// sides reads both sides of a comparison once.
type sides struct {
	*check
	source, index *tally

	mu          sync.Mutex
	refused     *spool // keys of documents that are known not to be in the index
	docs, bytes int64
}

// read fills both tallies.
func (s *sides) read(ctx context.Context) error {
	group, reading := errgroup.WithContext(ctx)
	next := new(atomic.Int64)
	for range max(s.Plan.Readers, 1) {
		group.Go(func() error { return s.readSource(reading, next) })
	}
	for part := range scanParts {
		group.Go(func() error {
			if err := s.scan(reading, part); err != nil {
				return fmt.Errorf("scan the index, slice %d of %d: %w", part, scanParts, err)
			}
			return nil
		})
	}
	return group.Wait()
}

func (k *check) hasher() hasher {
	if !k.canonical {
		return hasher{rules: k.rules}
	}
	return hasher{form: &canonjson.Form{Ignore: k.Ignore}, rules: k.rules}
}

// readSource notes the records of partitions until none is left.
func (s *sides) readSource(ctx context.Context, next *atomic.Int64) error {
	w := s.source.worker(s.hasher())
	err := s.readPartitions(ctx, next, func(r *sources.Record) error { return s.take(r, w) })
	return errors.Join(err, w.finish())
}

// readPartitions calls take with every record of the partitions that next hands out.
func (k *check) readPartitions(ctx context.Context, next *atomic.Int64, take func(*sources.Record) error) error {
	batch := &sources.Batch{}
	for {
		i := int(next.Add(1)) - 1
		if i >= len(k.Plan.Partitions) {
			return nil
		}
		p := k.Plan.Partitions[i]
		if err := k.readPartition(ctx, p, batch, take); err != nil {
			return fmt.Errorf("read partition %s: %w", p.ID, err)
		}
	}
}

func (k *check) readPartition(ctx context.Context, p sources.Partition, batch *sources.Batch, take func(*sources.Record) error) (err error) {
	reader, err := k.View.Read(ctx, p, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close(ctx)) }()
	for {
		batch.Reset()
		batch.Limit = k.Batch
		if err := reader.Next(ctx, batch); err != nil {
			if errors.Is(err, io.EOF) {
				return nil
			}
			return err
		}
		for i := range batch.Records {
			if err := take(&batch.Records[i]); err != nil {
				return err
			}
		}
	}
}

func (s *sides) take(r *sources.Record, w *worker) error {
	switch {
	case r.Deleted:
		return nil
	case r.Reject != "" || s.Known[string(r.Key)]:
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.refused.add(appendKey(nil, r.Key, effective(r.Key, r.Routing)))
	}
	return w.add(r.Key, r.Routing, r.Value)
}

func (s *sides) scan(ctx context.Context, part int) error {
	w := s.index.worker(s.hasher())
	err := s.Index.Scan(ctx, part, scanParts, func(docs []sinks.Document) error {
		var bytes int64
		for i := range docs {
			if err := w.add(docs[i].ID, docs[i].Routing, docs[i].Body); err != nil {
				return err
			}
			bytes += int64(len(docs[i].Body))
		}
		s.count(int64(len(docs)), bytes)
		return nil
	})
	return errors.Join(err, w.finish())
}

func (s *sides) count(docs, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs += docs
	s.bytes += bytes
	if s.Progress != nil {
		s.Progress(s.docs, s.bytes)
	}
}
