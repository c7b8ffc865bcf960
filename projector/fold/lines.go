package fold

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"slices"
	"strconv"

	"humpty/internal/rawjson"
	"humpty/sources"
)

// linesSource is a few events in memory.
type linesSource struct {
	partitions map[string][]sources.Record
	order      []string
}

var _ sources.Source = (*linesSource)(nil)

// line is an event as it is written in a file.
type line struct {
	Topic     string            `json:"topic"`
	Partition int32             `json:"partition"`
	Time      int64             `json:"time"` // milliseconds since 1970
	Key       json.RawMessage   `json:"key"`  // a text, or JSON as it is; null for none
	Value     json.RawMessage   `json:"value"`
	Headers   map[string]string `json:"headers"`
}

// ReadLines reads a few events, one JSON object a line, as a source to try folds with; place is the file's name, for messages. A line with a member
// "value" is an event with a key, headers and more around its value, where null is a
// tombstone; any other line is a value itself, and so is every line if bare is set. The
// offset of an event is the number of its line.
func ReadLines(place string, text []byte, bare bool) (sources.Source, error) {
	l := &linesSource{partitions: map[string][]sources.Record{}}
	number := int64(0)
	for each := range bytes.Lines(text) {
		number++
		each = bytes.TrimSpace(each)
		if len(each) == 0 {
			continue
		}
		r := sources.Record{Value: each, Offset: number, Time: number}
		in := line{Topic: place}
		if !bare && rawjson.Check(each) == nil && rawjson.Get(each, "value") != nil {
			d := json.NewDecoder(bytes.NewReader(each))
			d.DisallowUnknownFields()
			if err := d.Decode(&in); err != nil {
				return nil, fmt.Errorf("%s:%d: %w; an event has key, value, time, headers, topic and partition; lines that are values themselves need --bare", place, number, err)
			}
			r = in.record(number)
		}
		id := in.Topic + "/" + strconv.Itoa(int(in.Partition))
		if _, known := l.partitions[id]; !known {
			l.order = append(l.order, id)
		}
		l.partitions[id] = append(l.partitions[id], r)
	}
	return l, nil
}

func (l line) record(number int64) sources.Record {
	r := sources.Record{Offset: number, Time: l.Time, Value: l.Value, Key: l.Key}
	if r.Time == 0 {
		r.Time = number
	}
	if rawjson.Kind(l.Value) == 'n' {
		r.Value, r.Deleted = nil, true
	}
	switch rawjson.Kind(l.Key) {
	case '"':
		r.Key, _ = rawjson.Text(l.Key)
	case 'n':
		r.Key = nil
	}
	for _, name := range slices.Sorted(maps.Keys(l.Headers)) {
		r.Headers = append(r.Headers, sources.Header{Name: name, Value: []byte(l.Headers[name])})
	}
	return r
}

// Plan has a partition for each topic and partition that the lines name.
func (l *linesSource) Plan(context.Context) (sources.Plan, error) {
	plan := sources.Plan{Readers: 1}
	for _, id := range l.order {
		n := int64(len(l.partitions[id]))
		plan.Partitions = append(plan.Partitions, sources.Partition{ID: id, Rows: n})
		plan.Rows += n
	}
	return plan, nil
}

// Open gives the lines.
func (l *linesSource) Open(context.Context) (sources.View, error) { return linesView{l}, nil }

type linesView struct{ *linesSource }

func (v linesView) Close(context.Context) error { return nil }

func (v linesView) Read(_ context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	if from != "" {
		return nil, fmt.Errorf("a few lines are read from their start, not from %q", from)
	}
	return &linesReader{left: v.partitions[p.ID]}, nil
}

type linesReader struct{ left []sources.Record }

func (r *linesReader) Close(context.Context) error { return nil }

func (r *linesReader) Next(_ context.Context, b *sources.Batch) error {
	if len(r.left) == 0 {
		return io.EOF
	}
	b.Records = append(b.Records, r.left...)
	b.Counts.Read, b.Counts.Used = int64(len(r.left)), int64(len(r.left))
	b.Position = sources.Position(strconv.FormatInt(r.left[len(r.left)-1].Offset+1, 10))
	r.left = nil
	return nil
}
