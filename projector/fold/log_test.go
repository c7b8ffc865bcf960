package fold_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"
	"sync/atomic"
	"testing"

	"humpty/projector/fold"
	"humpty/sources"
)

// history is topics in memory, as a source of events.
type history struct {
	partitions []partition
	page       int // events in a batch; 7 if 0
	fault      error
	open       atomic.Int64
}

type partition struct {
	id     string
	events []sources.Record
}

func (h *history) Plan(context.Context) (sources.Plan, error) {
	plan := sources.Plan{Readers: 3}
	for _, p := range h.partitions {
		plan.Partitions = append(plan.Partitions, sources.Partition{ID: p.id, Rows: int64(len(p.events))})
		plan.Rows += int64(len(p.events))
	}
	return plan, nil
}

func (h *history) Open(context.Context) (sources.View, error) {
	h.open.Add(1)
	return h, nil
}

func (h *history) Close(context.Context) error {
	h.open.Add(-1)
	return nil
}

func (h *history) Read(_ context.Context, p sources.Partition, _ sources.Position) (sources.Reader, error) {
	for _, known := range h.partitions {
		if known.id == p.ID {
			return &historyReader{history: h, events: known.events}, nil
		}
	}
	return nil, fmt.Errorf("no partition %s", p.ID)
}

type historyReader struct {
	history *history
	events  []sources.Record
}

func (r *historyReader) Close(context.Context) error { return nil }

func (r *historyReader) Next(_ context.Context, b *sources.Batch) error {
	if len(r.events) == 0 {
		if r.history.fault != nil {
			return r.history.fault
		}
		return io.EOF
	}
	page := r.history.page
	if page == 0 {
		page = 7
	}
	for _, e := range r.events[:min(page, len(r.events))] {
		record := e
		record.Key = b.Hold(e.Key)
		if !e.Deleted {
			record.Value = b.Hold(e.Value)
		}
		b.Records = append(b.Records, record)
		b.Counts.Read++
		b.Counts.Used++
		b.Counts.Rows++
		b.Position = sources.Position(strconv.FormatInt(e.Offset+1, 10))
	}
	r.events = r.events[min(page, len(r.events)):]
	return nil
}

// event is the next one of a partition; no value is a tombstone.
func (p *partition) event(time int64, key, value string) {
	p.events = append(p.events, sources.Record{
		Key: []byte(key), Value: []byte(value), Deleted: value == "", Time: time, Offset: int64(len(p.events)) * 2, // with holes
	})
}

// document is a record that outlives its batch.
type document struct {
	key, body, reject string
	position          sources.Position // behind its batch
}

func open(t testing.TB, s *fold.Source) (sources.Plan, sources.View) {
	t.Helper()
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	view, err := s.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	return plan, view
}

// read reads partitions one after the other.
func read(t testing.TB, view sources.View, partitions []sources.Partition, from sources.Position, limit int) ([]document, sources.Counts) {
	t.Helper()
	var docs []document
	var counts sources.Counts
	for _, p := range partitions {
		r, err := view.Read(t.Context(), p, from)
		if err != nil {
			t.Fatal(err)
		}
		b := &sources.Batch{Limit: limit}
		for {
			b.Reset()
			if err := r.Next(t.Context(), b); errors.Is(err, io.EOF) {
				break
			} else if err != nil {
				t.Fatal(err)
			}
			if !b.Counts.Balanced() || b.Counts.Used != int64(len(b.Records)) {
				t.Errorf("%d records, counts %+v", len(b.Records), b.Counts)
			}
			counts.Add(b.Counts)
			for _, r := range b.Records {
				docs = append(docs, document{string(r.Key), string(r.Value), r.Reject, b.Position})
			}
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	return docs, counts
}
