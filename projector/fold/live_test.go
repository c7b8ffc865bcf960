package fold_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"sync"
	"testing"

	"golang.org/x/sync/errgroup"

	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/fold"
	"humpty/projector/fold/decode"
	"humpty/projector/fold/handlers"
	"humpty/projector/follow"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// tailed is a topic that an application writes to all the time, and what it wrote.
type tailed struct {
	log     sourcetest.LogSource
	dice    *rand.Rand
	history history
	target  *sinktest.MemoryTarget
	app     bool // it writes documents through the alias, too
	now     int64

	mu   sync.Mutex
	rest bool // the application writes nothing
}

// some writes a little, unless the application rests.
func (w *tailed) some() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	for range w.dice.IntN(4) {
		if w.rest {
			break
		}
		if err := w.write(); err != nil {
			return err
		}
	}
	return nil
}

func (w *tailed) write() error {
	w.now++
	p := w.dice.IntN(len(w.history.partitions))
	key, value := fmt.Sprint("k", w.dice.IntN(40)), ""
	if w.dice.IntN(8) > 0 {
		value = fmt.Sprintf(`{"f%d":%d,"gone":null}`, w.dice.IntN(3), w.now)
	}
	at := w.now - int64(w.dice.IntN(4)) // clocks of several producers
	w.history.partitions[p].event(at, key, value)
	of := w.history.partitions[p].events
	w.log.Append(p, of[len(of)-1])
	if !w.app {
		return nil
	}
	return w.target.Put(key, oracle(&w.history, mergeOracle)[key])
}

func liveSource(log *sourcetest.LogSource, dir string) *fold.Source {
	return &fold.Source{
		Inner: log, Decoder: &decode.JSON{}, New: handlers.NewMerge,
		Store: &fold.StoreOptions{Dir: func(capture string) string { return filepath.Join(dir, capture) }},
	}
}

func newLiveTopic(seed uint64) *tailed {
	w := &tailed{dice: rand.New(rand.NewPCG(seed, 7)), target: &sinktest.MemoryTarget{Name: "orders"}, now: 1000}
	w.log.Partitions = 3
	w.history.partitions = make([]partition, 3)
	return w
}

func storeIn(t *testing.T, dir string) *checkpoint.Store {
	t.Helper()
	store, err := checkpoint.Open(filepath.Join(dir, "marks"), checkpoint.Options{})
	if err != nil {
		t.Fatal(err)
	}
	return store
}

// An application writes events from before a run until after its swap, and to the alias,
// too, where the run hands over. Events of one key are in several partitions.
func TestLiveTopicsLoseNoEvent(t *testing.T) {
	t.Parallel()
	scripted := scriptedMerge(t)
	for _, writer := range []projector.Writer{projector.WriterFollow, projector.WriterFreeze, projector.WriterHandover} {
		for seed := range uint64(4) {
			t.Run(fmt.Sprint(writer, " ", seed), func(t *testing.T) {
				t.Parallel()
				w := newLiveTopic(seed)
				for range 300 {
					if err := w.write(); err != nil {
						t.Fatal(err)
					}
				}
				inJavaScript := func(r *projector.Rebuild) {
					if seed == 3 {
						r.Source.(*fold.Source).New = scripted
					}
				}
				w.run(t, "first", writer, inJavaScript) // nothing serves yet
				w.app = writer == projector.WriterHandover
				w.run(t, "second", writer, inJavaScript)
			})
		}
	}
}

// The state folder of a followed index is lost, events came that nobody saw, documents were
// spoilt: all of the topics is read again, what differs is written, and it is followed from there.
func TestLiveTopicsAreAdopted(t *testing.T) {
	t.Parallel()
	for _, writer := range []projector.Writer{projector.WriterFollow, projector.WriterFreeze, projector.WriterHandover} {
		t.Run(string(writer), func(t *testing.T) {
			t.Parallel()
			w := newLiveTopic(9)
			for range 300 {
				if err := w.write(); err != nil {
					t.Fatal(err)
				}
			}
			w.run(t, "first", writer)
			for range 50 {
				if err := w.write(); err != nil {
					t.Fatal(err)
				}
			}
			for id, body := range map[string]string{"k1": "", "k2": `{"spoilt":1}`, "none": `{"extra":1}`} {
				if err := w.target.Put(id, body); err != nil {
					t.Fatal(err)
				}
			}
			w.app = writer != projector.WriterFollow
			w.run(t, "second", writer, func(r *projector.Rebuild) {
				r.Adopt = &projector.Adopt{Guard: projector.Guard{MaxDelete: 100, MaxStale: 100}, Settle: 1}
			})
		})
	}
}

func (w *tailed) run(t *testing.T, run string, writer projector.Writer, change ...func(*projector.Rebuild)) {
	t.Helper()
	dir := t.TempDir()
	store := storeIn(t, dir)
	ticks := make(chan struct{}, 1000)
	tick := func() {
		select {
		case ticks <- struct{}{}:
		default:
		}
	}
	w.target.OnFence, w.target.OnWriteIf = tick, tick
	w.target.OnBlock = func() { // the application writes no more
		w.mu.Lock()
		defer w.mu.Unlock()
		w.rest = true
	}
	w.rest = writer != projector.WriterFollow && run == "first" // nothing serves that could be blocked, or written to
	r := &projector.Rebuild{
		Projection: projector.Projection{Name: "orders", Alias: "orders"}, Source: liveSource(&w.log, dir), Target: w.target,
		Owner: sinks.Owner{Run: run}, Live: &projector.Live{Checkpoint: store, Writer: writer},
		Observe: func(report.Event) { tick() },
	}
	for _, c := range change {
		c(r)
	}
	var application errgroup.Group
	application.Go(func() error {
		for range ticks {
			if err := w.some(); err != nil {
				return err
			}
		}
		return nil
	})
	record, err := r.Run(t.Context())
	if err == nil && writer == projector.WriterFollow {
		err = errors.Join(store.Close(), w.follow(t, dir, tick))
		store = storeIn(t, dir)
	}
	close(ticks)
	if err := errors.Join(err, application.Wait(), store.Close()); err != nil {
		t.Fatal(err)
	}
	compare(t, w.target, record.Generation, oracle(&w.history, mergeOracle))
	if len(record.Positions) != 3 {
		t.Errorf("positions %v", record.Positions)
	}
}

// follow goes on with what a run made until the application rests and the index is right.
func (w *tailed) follow(t *testing.T, dir string, tick func()) error {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	f := follow.Projector{
		Projection: projector.Projection{Name: "orders", Alias: "orders"}, Source: liveSource(&w.log, dir), Target: w.target,
		Open: func(string) (*checkpoint.Store, error) {
			return checkpoint.Open(filepath.Join(dir, "marks"), checkpoint.Options{})
		},
		Observe: func(e report.Event) {
			tick()
			if e.Kind != report.Lagging || e.Lag.Backlog > 0 || e.Lag.Behind > 0 {
				return
			}
			w.mu.Lock()
			defer w.mu.Unlock()
			if w.rest = true; len(differences(t, w.target, e.Lag.Generation, oracle(&w.history, mergeOracle))) == 0 {
				cancel()
			}
		},
	}
	return f.Run(ctx)
}

// A capture whose process dies goes on where its marks were durable: every event is there,
// and the document of each that may not be in a mark is marked again.
func TestLiveTopicsResumeAfterAKill(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	w := newLiveTopic(1)
	for range 100 {
		if err := w.write(); err != nil {
			t.Fatal(err)
		}
	}
	s := liveSource(&w.log, dir)
	feed, err := s.Capture(t.Context(), "run", "")
	if err != nil {
		t.Fatal(err)
	}
	opener, _ := feed.(sources.ViewOpener)
	view, err := opener.Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	var position sources.Position
	for range 50 {
		if err := w.write(); err != nil {
			t.Fatal(err)
		}
	}
	var m sources.ChangeSet
	if err := feed.Next(t.Context(), &m); err != nil { // its marks are durable; those behind it are not
		t.Fatal(err)
	}
	position = m.Position
	if err := errors.Join(feed.Close(t.Context()), view.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	marked := marksUntilFence(t, s, position)
	for i, p := range w.history.partitions {
		for n, e := range p.events {
			if at := offsetIn(t, position, i); n >= at && !slices.Contains(marked, string(e.Key)) {
				t.Errorf("event %d of partition %d of document %s came to no mark", n, i, e.Key)
			}
		}
	}
}

func offsetIn(t *testing.T, position sources.Position, partition int) (n int) {
	t.Helper()
	var at map[string]string
	if err := json.Unmarshal([]byte(position), &at); err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(at[fmt.Sprint("log/", partition)], &n); err != nil {
		t.Fatal(position, err)
	}
	return n
}

// marksUntilFence is what a capture marks from a position to the present.
func marksUntilFence(t *testing.T, s *fold.Source, from sources.Position) (ids []string) {
	t.Helper()
	feed, err := s.Capture(t.Context(), "run", from)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := feed.Close(t.Context()); err != nil {
			t.Error(err)
		}
	}()
	id, err := feed.Fence(t.Context())
	for m := (sources.ChangeSet{}); err == nil && m.Fence != id; err = feed.Next(t.Context(), &m) {
		for _, mark := range m.Keys {
			ids = append(ids, mark.Key)
		}
	}
	if err != nil {
		t.Fatal(err)
	}
	return ids
}

// Events that are not where they were are told, not made up for by the tail alone.
func TestLiveTopicsNeedTheirEvents(t *testing.T) {
	t.Parallel()
	w := newLiveTopic(1)
	dir := t.TempDir()
	s := liveSource(&w.log, dir)
	feed, err := s.Capture(t.Context(), "run", "")
	if err != nil {
		t.Fatal(err)
	}
	id, err := feed.Fence(t.Context())
	m := sources.ChangeSet{}
	for err == nil && m.Fence != id {
		err = feed.Next(t.Context(), &m)
	}
	if err := errors.Join(err, feed.Close(t.Context()), os.RemoveAll(filepath.Join(dir, "run"))); err != nil {
		t.Fatal(err)
	}
	var gap *sources.ErrChangesLost
	if _, err := s.Capture(t.Context(), "run", m.Position); !errors.As(err, &gap) {
		t.Errorf("error %v", err)
	}
	w.log.Partitions = 4
	feed, err = s.Capture(t.Context(), "other", "")
	if err != nil {
		t.Fatal(err)
	}
	if err := feed.Close(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.log.Partitions = 3 // more are taken in, fewer are another topic
	if _, err := s.Capture(t.Context(), "other", m.Position); !errors.As(err, &gap) {
		t.Errorf("error %v", err)
	}
}

// A loss of power may take the events that came behind the fence, and leave the marks of their
// keys with a position behind them: they are read again.
func TestEventsLostWithThePowerAreReadAgain(t *testing.T) {
	t.Parallel()
	var log sourcetest.LogSource
	source := liveSource(&log, t.TempDir())
	began, err := source.Capture(t.Context(), "run", "")
	if err != nil {
		t.Fatal(err)
	}
	view, err := began.(sources.ViewOpener).Open(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(view.Close(t.Context()), began.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	log.Append(0, sources.Record{Key: []byte("a"), Value: []byte(`{"n":1}`)}, sources.Record{Key: []byte("b"), Value: []byte(`{"n":2}`)})
	again, err := source.Capture(t.Context(), "run", `{"log/0":"2"}`)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := again.Close(context.WithoutCancel(t.Context())); err != nil {
			t.Error(err)
		}
	}()
	if _, err := again.Fence(t.Context()); err != nil {
		t.Fatal(err)
	}
	var keys []string
	for m := (sources.ChangeSet{}); m.Fence == ""; {
		if err := again.Next(t.Context(), &m); err != nil {
			t.Fatal(err)
		}
		for _, mark := range m.Keys {
			keys = append(keys, mark.Key)
		}
	}
	if !slices.Equal(keys, []string{"a", "b"}) {
		t.Errorf("the keys %q come again, want a and b", keys)
	}
}
