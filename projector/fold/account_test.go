package fold_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"humpty/projector"
	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/ledger"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// faulty is a log whose readers leave something out.
type faulty struct {
	sources.Source
	spoil func(batch int, b *sources.Batch) (end bool)
}

func (f faulty) Open(ctx context.Context) (sources.View, error) {
	v, err := f.Source.Open(ctx)
	return faultyView{v.(logOfTests), f.spoil}, err
}

// logOfTests is what a log's view can do.
type logOfTests interface {
	sources.View
	sources.EndOffsets
	sources.Tailer
}

type faultyView struct {
	logOfTests
	spoil func(batch int, b *sources.Batch) (end bool)
}

func (v faultyView) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	r, err := v.logOfTests.Read(ctx, p, from)
	return &faultyReader{Reader: r, spoil: v.spoil}, err
}

func (v faultyView) Tail(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	r, err := v.logOfTests.Tail(ctx, p, from)
	return &faultyReader{Reader: r, spoil: v.spoil}, err
}

type faultyReader struct {
	sources.Reader
	batch int
	spoil func(batch int, b *sources.Batch) (end bool)
}

func (r *faultyReader) Next(ctx context.Context, b *sources.Batch) error {
	err := r.Reader.Next(ctx, b)
	r.batch++
	if err == nil && r.spoil(r.batch, b) {
		b.Reset()
		return r.Next(ctx, b)
	}
	return err
}

// fifty is a log of 50 events in 3 partitions, with holes.
func fifty() *sourcetest.LogSource {
	log := &sourcetest.LogSource{Partitions: 3}
	for i := range 50 {
		log.Append(i%3, sources.Record{Key: fmt.Append(nil, i%20), Value: []byte(`{"n":1}`), Time: int64(i)})
		if i%10 == 9 {
			log.Skip(i % 3)
		}
	}
	return log
}

func foldOf(t *testing.T, inner sources.Source) *fold.Source {
	t.Helper()
	dir := t.TempDir()
	return &fold.Source{
		Inner: inner, Decoder: &decode.JSON{}, New: handlers.NewMerge, Dir: dir,
		Store: &fold.StoreOptions{Dir: func(capture string) string { return dir + "/" + capture }},
	}
}

// The ledger of offsets is in the record, and a run fails in which it does not add up.
func TestOffsetsAddUp(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		spoil func(batch int, b *sources.Batch) bool
		want  string // empty: the run is right
	}{
		"all is there": {func(int, *sources.Batch) bool { return false }, ""},
		"a batch is lost": {func(batch int, b *sources.Batch) bool {
			return batch == 2
		}, "the offsets from 5 to 10 were left out"},
		"a record is lost": {func(batch int, b *sources.Batch) bool {
			if batch == 2 {
				b.Records = b.Records[1:]
				b.Counts.Read, b.Counts.Used = b.Counts.Read-1, b.Counts.Used-1
			}
			return false
		}, "5 offsets from 5 to 10 were passed, and 4 are accounted for"},
		"the end is lost": {func(batch int, b *sources.Batch) bool {
			return batch > 2
		}, "it was read to offset 10, and ends at"},
		"a record comes twice": {func(batch int, b *sources.Batch) bool {
			if batch == 2 {
				b.Records = append(b.Records, b.Records[len(b.Records)-1])
			}
			return false
		}, "and 6 are accounted for"},
	} {
		for _, live := range []bool{false, true} {
			t.Run(fmt.Sprint(name, " live ", live), func(t *testing.T) {
				t.Parallel()
				r := &projector.Rebuild{
					Projection: projector.Projection{Name: "orders", Alias: "orders"}, Source: foldOf(t, faulty{fifty(), c.spoil}),
					Target: &sinktest.MemoryTarget{Name: "orders"}, Owner: sinks.Owner{Run: "run"},
				}
				if live {
					store := storeIn(t, t.TempDir())
					defer store.Close() //nolint:errcheck // at the end of the test
					r.Live = &projector.Live{Checkpoint: store, Writer: projector.WriterFollow}
				}
				record, err := r.Run(t.Context())
				if c.want != "" {
					if err == nil || !strings.Contains(err.Error(), "the ledger of offsets does not add up") || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "log/") {
						t.Errorf("error %v, want %q", err, c.want)
					}
					return
				}
				if err != nil {
					t.Fatal(err)
				}
				var sum sources.OffsetCounts
				for id, c := range record.Offsets {
					if err := c.Check(); err != nil || fmt.Sprint(c.To) != record.Positions[id] || c.From != 0 {
						t.Errorf("%s: %+v, position %s: %v", id, c, record.Positions[id], err)
					}
					sum.Records, sum.Holes = sum.Records+c.Records, sum.Holes+c.Holes
				}
				if sum.Records != 50 || sum.Holes != 5 || len(record.Offsets) != 3 {
					t.Errorf("offsets %+v", record.Offsets)
				}
			})
		}
	}
}

// What is lost behind the reader, on the way to the documents, is lost in the ledger, too.
func TestEventsOfTheLedgerAreRecordsOfTheLog(t *testing.T) {
	t.Parallel()
	s := foldOf(t, fifty())
	plan, view := open(t, s)
	if len(ledger.Offsets(view)) != 3 {
		t.Errorf("offsets %v", ledger.Offsets(view))
	}
	var unbalanced *ledger.Unbalanced
	if err := ledger.CheckOffsets(view); !errors.As(err, &unbalanced) || !strings.Contains(err.Error(), "records were read of the offsets from 0 to") {
		t.Errorf("before the documents were read: %v", err)
	}
	read(t, view, plan.Partitions, "", 100)
	if err := ledger.CheckOffsets(view); err != nil {
		t.Error(err)
	}
}

// The account of a live run continues where its position does, whatever process reads: what is
// read twice is counted once.
func TestOffsetsAddUpAcrossProcesses(t *testing.T) {
	t.Parallel()
	w, dir := newLiveTopic(3), t.TempDir()
	var first sources.Position
	for process := range 5 {
		for range 60 {
			if err := w.write(); err != nil {
				t.Fatal(err)
			}
		}
		from := sources.Position("")
		if process > 0 {
			from = first // the marks of all processes but the first are lost
		}
		s := liveSource(&w.log, dir)
		feed, err := s.Capture(t.Context(), "run", from)
		if err != nil {
			t.Fatal(err)
		}
		var m sources.ChangeSet
		for id, err := feed.Fence(t.Context()); m.Fence != id; err = feed.Next(t.Context(), &m) {
			if err != nil {
				t.Fatal(err)
			}
		}
		if process == 0 {
			first = m.Position
		}
		if process > 1 { // the replay is not done by the first, and its fence is behind the tail's beginning
			view, err := feed.(sources.ViewOpener).Open(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			counts := ledger.Offsets(view)
			for i, p := range w.history.partitions {
				c := counts[fmt.Sprint("log/", i)]
				if n := int64(len(p.events)); c.From != 0 || c.To != n || c.Records != n {
					t.Errorf("process %d, partition %d: %+v of %d events", process, i, c, n)
				}
			}
			if err := errors.Join(ledger.CheckOffsets(view), view.Close(t.Context())); err != nil {
				t.Error(err)
			}
		}
		if err := feed.Close(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
}
