package verify

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"

	"golang.org/x/sync/errgroup"

	"humpty/sinks"
	"humpty/sources"
)

// scanParts is how many slices of an index are read at once.
const scanParts = 4

// sides reads both sides of a comparison once.
type sides struct {
	*check
	source, index *digest

	mu          sync.Mutex
	rejected    *spool // keys of documents that the source cannot make
	held        *heldBack
	docs, bytes int64
}

// read fills both digests.
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

// readSource notes the records of partitions until none is left.
func (s *sides) readSource(ctx context.Context, next *atomic.Int64) error {
	w := s.source.newWriter(s.hasher())
	err := s.partitions().each(ctx, next, func(r *sources.Record) error { return s.addRecord(r, w) })
	return errors.Join(err, w.close())
}

// partitions reads a view by its plan.
type partitions struct {
	view  sources.View
	plan  sources.Plan
	batch int // bytes that are read at a time
}

// each calls take with every record of the partitions that next hands out.
func (p *partitions) each(ctx context.Context, next *atomic.Int64, take func(*sources.Record) error) error {
	batch := &sources.Batch{}
	for {
		i := int(next.Add(1)) - 1
		if i >= len(p.plan.Partitions) {
			return nil
		}
		partition := p.plan.Partitions[i]
		if err := p.one(ctx, partition, batch, take); err != nil {
			return fmt.Errorf("read partition %s: %w", partition.ID, err)
		}
	}
}

func (p *partitions) one(ctx context.Context, partition sources.Partition, batch *sources.Batch, take func(*sources.Record) error) (err error) {
	reader, err := p.view.Read(ctx, partition, "")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, reader.Close(ctx)) }()
	for {
		batch.Reset()
		batch.Limit = p.batch
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

func (s *sides) addRecord(r *sources.Record, w *digestWriter) error {
	switch {
	case r.Deleted:
		return nil
	case s.Refusals.Len() > 0 && s.held.takeSource(w.hash, r.Key, r.Routing, r.Value, r.Reject != ""):
		return nil
	case r.Reject != "":
		s.mu.Lock()
		defer s.mu.Unlock()
		return s.rejected.add(appendKey(nil, r.Key, effectiveRouting(r.Key, r.Routing)))
	}
	return w.add(r.Key, r.Routing, r.Value)
}

func (s *sides) scan(ctx context.Context, part int) error {
	w := s.index.newWriter(s.hasher())
	err := s.Index.Scan(ctx, part, scanParts, func(docs []sinks.Document) error {
		var bytes int64
		for i := range docs {
			bytes += int64(len(docs[i].Body))
			if s.Refusals.Len() > 0 && s.held.takeIndex(w.hash, docs[i].ID, docs[i].Routing, docs[i].Body) {
				continue
			}
			if err := w.add(docs[i].ID, docs[i].Routing, docs[i].Body); err != nil {
				return err
			}
		}
		s.addProgress(int64(len(docs)), bytes)
		return nil
	})
	return errors.Join(err, w.close())
}

func (s *sides) addProgress(docs, bytes int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.docs += docs
	s.bytes += bytes
	if s.Progress != nil {
		s.Progress(s.docs, s.bytes)
	}
}
