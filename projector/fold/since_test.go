package fold_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"pgregory.net/rapid"

	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/sources"
)

// dated is a history that is read from positions and by time, as a broker's log is.
type dated struct {
	*history
	lost map[string]int64 // offsets that retention has passed
	read *atomic.Int64    // events given
}

func (d dated) Open(ctx context.Context) (sources.View, error) {
	_, err := d.history.Open(ctx)
	return d, err
}

func (d dated) EndOffsets() map[string]sources.Position {
	all := map[string]sources.Position{}
	for _, p := range d.partitions {
		all[p.id] = sources.Position(strconv.Itoa(2 * len(p.events)))
	}
	return all
}

func (d dated) OffsetsForTime(_ context.Context, moment time.Time) (map[string]sources.Position, error) {
	all := d.EndOffsets()
	for _, p := range d.partitions {
		for _, e := range p.events {
			if e.Time >= moment.UnixMilli() {
				all[p.id] = sources.Position(strconv.FormatInt(e.Offset, 10))
				break
			}
		}
	}
	return all, nil
}

func (d dated) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	at, _ := strconv.ParseInt(string(from), 10, 64)
	if from != "" && at < d.lost[p.ID] {
		return nil, &sources.ErrChangesLost{Why: fmt.Sprintf("%s begins at %d", p.ID, d.lost[p.ID])}
	}
	r, err := d.history.Read(ctx, p, "")
	if err != nil {
		return nil, err
	}
	own := r.(*historyReader)
	for len(own.events) > 0 && own.events[0].Offset < at {
		own.events = own.events[1:]
	}
	return countedReader{own, d.read}, nil
}

type countedReader struct {
	*historyReader
	read *atomic.Int64
}

func (r countedReader) Next(ctx context.Context, b *sources.Batch) error {
	err := r.historyReader.Next(ctx, b)
	r.read.Add(int64(len(b.Records)))
	return err
}

// changes are the documents that a view of a delta gives, "" where there is none any more.
func changes(t testing.TB, s *fold.Source, from map[string]sources.Position) (map[string]string, sources.Counts) {
	t.Helper()
	plan, err := s.Plan(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	view, err := s.OpenSince(t.Context(), from, time.UnixMilli(1000))
	if err != nil {
		t.Fatal(err)
	}
	all := map[string]string{}
	for _, p := range plan.Partitions {
		r, err := view.Read(t.Context(), p, "")
		if err != nil {
			t.Fatal(err)
		}
		b := &sources.Batch{}
		for ; err == nil; err = r.Next(t.Context(), b) {
			for _, record := range b.Records {
				if _, twice := all[string(record.Key)]; twice || record.Deleted != (record.Value == nil) {
					t.Errorf("%s comes twice, or is half deleted: %+v", record.Key, record)
				}
				all[string(record.Key)] = string(record.Value)
			}
			b.Reset()
		}
		if err := r.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}
	var sum sources.Counts
	for id, c := range view.(sources.PartitionCounter).PartitionCounts() {
		if !c.Balanced() {
			t.Errorf("partition %s: %+v", id, c)
		}
		sum.Add(c)
	}
	if err := view.Close(t.Context()); err != nil {
		t.Error(err)
	}
	return all, sum
}

// TestSinceAgainstTheOracle holds what came behind random positions against all that there
// is: clocks that jump, keys in several partitions, poison, memory that is not enough.
func TestSinceAgainstTheOracle(t *testing.T) {
	t.Parallel()
	scripted := scriptedMerge(t)
	dir := t.TempDir()
	rapid.Check(t, func(r *rapid.T) {
		h := &history{page: rapid.IntRange(1, 20).Draw(r, "page")}
		before := &history{}
		from := map[string]sources.Position{}
		new, touched := int64(0), map[string]bool{}
		padding := strings.Repeat("x", rapid.SampledFrom([]int{0, 2000}).Draw(r, "padding"))
		for p := range rapid.IntRange(1, 4).Draw(r, "partitions") {
			part := partition{id: fmt.Sprintf("topic%d/%d", p/2, p%2)}
			events := rapid.IntRange(0, 30).Draw(r, "events")
			at := rapid.IntRange(0, events).Draw(r, "at")
			for i := range events {
				if i == at {
					before.partitions = append(before.partitions, part)
				}
				key := fmt.Sprint("k", rapid.IntRange(1, 30).Draw(r, "key"))
				value := rapid.SampledFrom([]string{"", "[1]", fmt.Sprintf(`{"n":%d,"pad":%q}`, p*100+i, padding), fmt.Sprintf(`{"m":%d}`, i)}).Draw(r, "value")
				part.event(int64(rapid.IntRange(0, 20).Draw(r, "time")), key, value)
				if i >= at {
					new++
					touched[key] = true
				}
			}
			if at == events {
				before.partitions = append(before.partitions, part)
			}
			from[part.id] = sources.Position(strconv.Itoa(2 * at))
			h.partitions = append(h.partitions, part)
		}
		newest := rapid.Bool().Draw(r, "newest")
		log := dated{history: h, read: new64()}
		s := &fold.Source{Inner: log, Decoder: &decode.JSON{}, New: handlers.NewMerge, Newest: newest, Memory: 1 << 16, Dir: dir}
		if rapid.Bool().Draw(r, "script") {
			s.New = scripted
		}
		apply := mergeOracle
		if newest {
			s.New, apply = handlers.NewLatest, latestOracle
		}
		sound := func(doc map[string]any, e sources.Record) map[string]any {
			if string(e.Value) == "[1]" { // poison changes nothing
				return doc
			}
			return apply(doc, e)
		}
		was, want := oracle(before, sound), oracle(h, sound)
		got, counts := changes(t, s, from)
		for key, text := range got {
			if !touched[key] {
				r.Errorf("%s is given, but no event concerns it", key)
			}
			if text == "" {
				delete(was, key)
				continue
			}
			was[key] = canonical(text)
		}
		if len(was) != len(want) {
			r.Errorf("%d documents, not %d", len(was), len(want))
		}
		for key, text := range want {
			if was[key] != text {
				r.Errorf("document %s is\n%s, not\n%s", key, was[key], text)
			}
		}
		if counts.Read != new || counts.Rows != log.read.Load() {
			r.Errorf("%d events are new and %d were read: %+v", new, log.read.Load(), counts)
		}
		if len(h.partitions) == 1 && newest && log.read.Load() != new {
			r.Errorf("%d events were read, but %d are new", log.read.Load(), new)
		}
	})
}

func new64() *atomic.Int64 { return new(atomic.Int64) }

// canonical is a document as the oracles write it.
func canonical(text string) string {
	return oracle(&history{partitions: []partition{{events: []sources.Record{{Key: []byte("x"), Value: []byte(text)}}}}}, latestOracle)["x"]
}

// TestSinceReadsNoMore: events before the positions are not read where the newest decides,
// but for those that may be newer than one behind them.
func TestSinceReadsNoMore(t *testing.T) {
	t.Parallel()
	a, b := partition{id: "t/0"}, partition{id: "t/1"}
	for i := range 20 {
		a.event(int64(i), fmt.Sprint("a", i), `{"v":1}`)
		b.event(int64(i), fmt.Sprint("b", i), `{"v":1}`)
	}
	from := map[string]sources.Position{"t/0": "40", "t/1": "40"}
	a.event(18, "b19", `{"v":2}`) // older than what t/1 has of it
	a.event(30, "a3", `{"v":2}`)
	log := dated{history: &history{partitions: []partition{a, b}, page: 1}, read: new64()}
	s := &fold.Source{Inner: log, Decoder: &decode.JSON{}, New: handlers.NewLatest, Newest: true}
	got, counts := changes(t, s, from)
	if got["b19"] != `{"v":1}` || got["a3"] != `{"v":2}` || len(got) != 2 {
		t.Errorf("%v", got)
	}
	// two behind the positions, and of those before them the two from 18 on in each partition,
	// with the next one, by which is seen that it is behind
	if counts.Read != 2 || log.read.Load() != 2+2+2+1 {
		t.Errorf("%d events were read: %+v", log.read.Load(), counts)
	}
	if events, read, err := s.CountSince(t.Context(), from); err != nil || events != 4 || read != 4 { // offsets have holes
		t.Errorf("%v: %d events behind, %d to be read", err, events, read)
	}
	s.Newest, s.New = false, handlers.NewMerge
	log.read.Store(0)
	if got, counts := changes(t, s, from); len(got) != 2 || log.read.Load() != 2+42 || counts.Read != 2 {
		t.Errorf("%v, %d read, %+v", got, log.read.Load(), counts)
	}
	if events, read, err := s.CountSince(t.Context(), from); err != nil || events != 4 || read != 4+42 {
		t.Errorf("%v: %d events behind, %d to be read", err, events, read)
	}
}

// TestSinceHasAGap: what does not fit to the positions is said, never gone on from.
func TestSinceHasAGap(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		from map[string]sources.Position
		lost map[string]int64
		late bool // the events before the positions are younger than these
		want string
	}{
		"behind the end":     {from: map[string]sources.Position{"t/0": "22"}, want: "t/0 ends at 20, before its position 22"},
		"added":              {from: map[string]sources.Position{}, want: "partition t/0 was added"},
		"gone":               {from: map[string]sources.Position{"t/0": "4", "t/1": "3"}, want: "partition t/1 is not there any more"},
		"passed":             {from: map[string]sources.Position{"t/0": "4"}, lost: map[string]int64{"t/0": 6}, want: "t/0 begins at 6"},
		"made again":         {from: map[string]sources.Position{"t/0": "4"}, late: true, want: "t/0 has events at 0 that are newer than"},
		"position of nobody": {from: map[string]sources.Position{"t/0": "x"}, want: `position "x" of t/0 is no offset`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			p := partition{id: "t/0"}
			for i := range 10 {
				at := int64(i)
				if c.late {
					at += 2000
				}
				p.event(at, "k", `{}`)
			}
			log := dated{history: &history{partitions: []partition{p}}, lost: c.lost, read: new64()}
			s := &fold.Source{Inner: log, Decoder: &decode.JSON{}, New: handlers.NewLatest, Newest: true}
			_, err := s.OpenSince(t.Context(), c.from, time.UnixMilli(1000))
			var gap *sources.ErrChangesLost
			if !errors.As(err, &gap) || !strings.Contains(gap.Why, c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
			if open := log.open.Load(); open != 0 {
				t.Errorf("%d views are open", open)
			}
		})
	}
}
