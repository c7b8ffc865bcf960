package sourcetest

import (
	"context"
	"fmt"
	"io"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"

	"humpty/sources"
)

// MemorySource holds records and gives them in a few partitions, in order of their keys.
type MemorySource struct {
	Records    []sources.Record
	Partitions int                          // 4 if 0
	Readers    int                          // 2 if 0
	Page       int                          // most records in a batch; 100 if 0
	Fault      func(p string, at int) error // called before each record; an error ends the reader

	Views   atomic.Int64 // open now
	Reading atomic.Int64 // readers open now
	Most    atomic.Int64 // readers that were open at once

	mu sync.Mutex
}

var (
	_ sources.Source  = (*MemorySource)(nil)
	_ sources.Lookup  = (*memoryView)(nil)
	_ sources.Counter = (*memoryView)(nil)
)

// Put adds a record, or replaces the one with its key.
func (s *MemorySource) Put(r sources.Record) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Records = slices.DeleteFunc(s.Records, func(o sources.Record) bool { return string(o.Key) == string(r.Key) })
	s.Records = append(s.Records, r)
}

// Plan splits by position in the list: bounds are numbers of records.
func (s *MemorySource) Plan(context.Context) (sources.Plan, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	parts := max(s.Partitions, 1)
	if s.Partitions == 0 {
		parts = 4
	}
	plan := sources.Plan{Readers: s.Readers, Rows: int64(len(s.Records))}
	if plan.Readers == 0 {
		plan.Readers = 2
	}
	for i := range parts {
		from, to := i*len(s.Records)/parts, (i+1)*len(s.Records)/parts
		p := sources.Partition{ID: fmt.Sprintf("memory/%04d", i), From: strconv.Itoa(from), To: strconv.Itoa(to), Rows: int64(to - from)}
		if i == parts-1 {
			p.To = ""
		}
		plan.Partitions = append(plan.Partitions, p)
	}
	return plan, nil
}

// Open copies the list.
func (s *MemorySource) Open(context.Context) (sources.View, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.Views.Add(1)
	return &memoryView{source: s, records: slices.Clone(s.Records)}, nil
}

type memoryView struct {
	source  *MemorySource
	records []sources.Record
}

func (v *memoryView) Close(context.Context) error {
	v.source.Views.Add(-1)
	return nil
}

func (v *memoryView) Read(_ context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	start := p.From
	if from != "" {
		start = string(from)
	}
	at, err := strconv.Atoi(start)
	if err != nil {
		return nil, fmt.Errorf("position %q of partition %s: %w", start, p.ID, err)
	}
	end := len(v.records)
	if p.To != "" {
		if end, err = strconv.Atoi(p.To); err != nil {
			return nil, fmt.Errorf("end %q of partition %s: %w", p.To, p.ID, err)
		}
	}
	open := v.source.Reading.Add(1)
	for most := v.source.Most.Load(); open > most && !v.source.Most.CompareAndSwap(most, open); most = v.source.Most.Load() {
	}
	return &memoryReader{view: v, partition: p.ID, at: at, end: min(end, len(v.records))}, nil
}

type memoryReader struct {
	view      *memoryView
	partition string
	at, end   int
}

func (r *memoryReader) Close(context.Context) error {
	r.view.source.Reading.Add(-1)
	return nil
}

func (r *memoryReader) Next(ctx context.Context, b *sources.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if r.at >= r.end {
		return io.EOF
	}
	page := r.view.source.Page
	if page == 0 {
		page = 100
	}
	for r.at < r.end && len(b.Records) < page && !b.Full() {
		if fault := r.view.source.Fault; fault != nil {
			if err := fault(r.partition, r.at); err != nil {
				return err
			}
		}
		from := r.view.records[r.at]
		rec := from
		rec.Key, rec.Value = b.Hold(from.Key), b.Hold(from.Value)
		if from.Routing != nil {
			rec.Routing = b.Hold(from.Routing)
		}
		b.Records = append(b.Records, rec)
		b.Counts.Read++
		b.Counts.Used++
		r.at++
	}
	b.Position = sources.Position(strconv.Itoa(r.at))
	return nil
}

// Lookup finds keys in the view's copy.
func (v *memoryView) Lookup(ctx context.Context, keys [][]byte, b *sources.Batch) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	at := make(map[string]int, len(v.records))
	for i := range v.records {
		at[string(v.records[i].Key)] = i
	}
	for _, key := range keys {
		rec := sources.Record{Key: b.Hold(key), Deleted: true}
		if i, ok := at[string(key)]; ok {
			rec = v.records[i]
		}
		b.Records = append(b.Records, rec)
	}
	return nil
}

// Count counts the view's copy.
func (v *memoryView) Count(context.Context) (int64, error) { return int64(len(v.records)), nil }
