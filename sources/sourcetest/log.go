package sourcetest

import (
	"context"
	"fmt"
	"io"
	"strconv"
	"sync"

	"humpty/sources"
)

// LogSource is a topic: partitions of events, to which more may come at any time.
type LogSource struct {
	Partitions int // 1 by default; see Add

	mu     sync.Mutex
	events map[int][]sources.Record
	more   chan struct{} // closed and replaced when something comes
}

var _ sources.Source = (*LogSource)(nil)

// Append puts events behind those of a partition, and gives them their offsets.
func (l *LogSource) Append(partition int, events ...sources.Record) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.events == nil {
		l.events = map[int][]sources.Record{}
	}
	for _, e := range events {
		e.Offset = int64(len(l.events[partition]))
		l.events[partition] = append(l.events[partition], e)
	}
	if l.more != nil {
		close(l.more)
		l.more = nil
	}
}

// Skip leaves out an offset, as compaction does.
func (l *LogSource) Skip(partition int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events[partition] = append(l.events[partition], sources.Record{Offset: -1})
}

// Add makes another partition, also while it is read.
func (l *LogSource) Add() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Partitions = max(l.Partitions, 1) + 1
}

func (l *LogSource) id(i int) string { return "log/" + strconv.Itoa(i) }

// Plan has one partition for each.
func (l *LogSource) Plan(context.Context) (sources.Plan, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	plan := sources.Plan{Readers: 2}
	for i := range max(l.Partitions, 1) {
		n := int64(len(l.events[i]))
		plan.Partitions = append(plan.Partitions, sources.Partition{ID: l.id(i), Rows: n})
		plan.Rows += n
	}
	return plan, nil
}

// Open captures the ends.
func (l *LogSource) Open(ctx context.Context) (sources.View, error) {
	v := &logView{log: l}
	var err error
	v.fences, err = v.LatestOffsets(ctx)
	return v, err
}

type logView struct {
	log    *LogSource
	fences map[string]sources.Position
}

var (
	_ sources.EndOffsets = (*logView)(nil)
	_ sources.Tailer     = (*logView)(nil)
)

func (*logView) Close(context.Context) error { return nil }

func (v *logView) EndOffsets() map[string]sources.Position { return v.fences }

func (v *logView) LatestOffsets(context.Context) (map[string]sources.Position, error) {
	v.log.mu.Lock()
	defer v.log.mu.Unlock()
	ends := map[string]sources.Position{}
	for i := range max(v.log.Partitions, 1) {
		ends[v.log.id(i)] = sources.Position(strconv.Itoa(len(v.log.events[i])))
	}
	return ends, nil
}

// BeginningOffset is the first event.
func (*logView) BeginningOffset(string) sources.Position { return "0" }

func (*logView) OffsetLag(from, to sources.Position) int64 {
	return max(int64(logOffset(to)-logOffset(from)), 0)
}

func logOffset(p sources.Position) int {
	n, _ := strconv.Atoi(string(p)) // empty: the start
	return n
}

func (v *logView) Read(_ context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	end := logOffset(v.fences[p.ID])
	return v.reader(p, from, &end)
}

func (v *logView) Tail(_ context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	return v.reader(p, from, nil)
}

func (v *logView) reader(p sources.Partition, from sources.Position, end *int) (sources.Reader, error) {
	var number int
	if _, err := fmt.Sscanf(p.ID, "log/%d", &number); err != nil {
		return nil, fmt.Errorf("partition %s: %w", p.ID, err)
	}
	return &logReader{log: v.log, partition: number, at: logOffset(from), end: end}, nil
}

type logReader struct {
	log       *LogSource
	partition int
	at        int
	end       *int // nil: a tail
}

func (*logReader) Close(context.Context) error { return nil }

// logPage is how many events come at once.
const logPage = 5

func (r *logReader) Next(ctx context.Context, b *sources.Batch) error {
	for {
		r.log.mu.Lock()
		all := r.log.events[r.partition]
		end := len(all)
		if r.end != nil {
			end = *r.end
		}
		if r.log.more == nil {
			r.log.more = make(chan struct{})
		}
		more := r.log.more
		r.log.mu.Unlock()
		end = min(end, r.at+logPage)
		for _, e := range all[r.at:end] {
			if e.Offset < 0 {
				continue
			}
			e.Key, e.Value = b.Hold(e.Key), b.Hold(e.Value)
			b.Records = append(b.Records, e)
		}
		if n := int64(end - r.at); n > 0 {
			b.Offsets.From, b.Offsets.To = int64(r.at), int64(end)
			for i, e := range all[r.at:end] {
				if at := int64(r.at + i); e.Offset < 0 {
					b.Offsets.AddGap(sources.OffsetGap{From: at, To: at + 1})
				}
			}
			r.at = end
			n = int64(len(b.Records))
			b.Counts.Read, b.Counts.Used, b.Position = n, n, sources.Position(strconv.Itoa(end))
			return nil
		}
		if r.end != nil {
			return io.EOF
		}
		select {
		case <-more:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
}
