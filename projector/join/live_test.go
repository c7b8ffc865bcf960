package join

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
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

// streets are documents of events with what other topics have: houses that are found by
// their own field, a mayor by a field of the street, and a note by the street's id.
type streets struct {
	streets, houses, people, notes sourcetest.LogSource

	mu   sync.Mutex
	dice *rand.Rand
	n    int
	rest bool
}

func (s *streets) source(dir string) *Source {
	state := func(name string) *fold.StoreOptions {
		return &fold.StoreOptions{Dir: func(capture string) string { return filepath.Join(dir, name+capture) }}
	}
	of := func(log *sourcetest.LogSource, name string) *fold.Source {
		return &fold.Source{Inner: log, Decoder: &decode.JSON{}, New: handlers.NewMerge, Store: state(name)}
	}
	houses := of(&s.houses, "houses")
	return &Source{Root: of(&s.streets, "streets"), Store: state("links"), Includes: []Include{
		{Name: "houses", Parent: [][]string{{"code"}}, From: Gather(houses, [][]string{{"street"}}, false, []Order{{Field: []string{"n"}}}), Rows: "rows", Preload: true},
		{Name: "mayor", Parent: [][]string{{"leader"}}, One: true, From: of(&s.people, "people"), Preload: true},
		{Name: "note", One: true, From: of(&s.notes, "notes"), Preload: true},
	}}
}

// write appends an event to one of the topics.
func (s *streets) write() {
	s.n++
	put := func(log *sourcetest.LogSource, prefix string, value string, args ...any) {
		key := fmt.Sprint(prefix, s.dice.IntN(20))
		e := sources.Record{Key: []byte(key), Value: fmt.Appendf(nil, value, args...), Time: int64(s.n)}
		if s.dice.IntN(7) == 0 {
			e.Value, e.Deleted = nil, true
		}
		log.Append(0, e)
	}
	code := s.dice.IntN(12)
	switch s.dice.IntN(4) {
	case 0:
		put(&s.streets, "s", `{"code":%d,"leader":"p%d","n":%d}`, code, s.dice.IntN(20), s.n)
	case 1:
		put(&s.houses, "h", `{"street":"%d","n":%d}`, code, s.n)
	case 2:
		put(&s.people, "p", `{"name":"%d"}`, s.n)
	default:
		put(&s.notes, "s", `{"text":"%d"}`, s.n)
	}
}

func (s *streets) some() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for range s.dice.IntN(4) {
		if !s.rest {
			s.write()
		}
	}
}

// Documents are rebuilt and followed while all their topics are written to; at rest they
// are what a reading of everything from the start says.
func TestLiveJoinsLoseNoEvent(t *testing.T) {
	t.Parallel()
	for seed := range uint64(3) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			t.Parallel()
			s := &streets{dice: rand.New(rand.NewPCG(seed, 5))}
			for range 200 {
				s.write()
			}
			dir, target := t.TempDir(), &sinktest.MemoryTarget{Name: "streets"}
			def := projector.Projection{Name: "streets", Alias: "streets"}
			open := func(string) (*checkpoint.Store, error) {
				return checkpoint.Open(filepath.Join(dir, "marks"), checkpoint.Options{})
			}
			store, err := open("")
			if err != nil {
				t.Fatal(err)
			}
			ticks := make(chan struct{}, 1000)
			tick := func(report.Event) {
				select {
				case ticks <- struct{}{}:
				default:
				}
			}
			var application errgroup.Group
			application.Go(func() error {
				for range ticks {
					s.some()
				}
				return nil
			})
			record, err := (&projector.Rebuild{
				Projection: def, Source: s.source(dir), Target: target, Owner: sinks.Owner{Run: "run"},
				Live: &projector.Live{Checkpoint: store, Writer: projector.WriterFollow}, Observe: tick,
			}).Run(t.Context())
			if err := errors.Join(err, store.Close()); err != nil {
				t.Fatal(err)
			}
			if want := []string{"houses:log/0", "log/0", "mayor:log/0", "note:log/0"}; !slices.Equal(slices.Sorted(maps.Keys(record.Positions)), want) {
				t.Errorf("positions %v", record.Positions)
			}
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			follow := follow.Projector{Projection: def, Source: s.source(dir), Target: target, Open: open, Observe: func(e report.Event) {
				if tick(e); e.Kind != report.Lagging || e.Lag.Backlog > 0 || e.Lag.Behind > 0 {
					return
				}
				s.mu.Lock()
				defer s.mu.Unlock()
				if s.rest = true; maps.Equal(documentsIn(t, target), s.now(t)) {
					cancel()
				}
			}}
			err = follow.Run(ctx)
			close(ticks)
			if err := errors.Join(err, application.Wait()); err != nil {
				t.Fatal(err)
			}
		})
	}
}

// now is what a rebuild of everything at rest gives.
func (s *streets) now(t *testing.T) map[string]string {
	target := &sinktest.MemoryTarget{Name: "streets"}
	_, err := (&projector.Rebuild{
		Projection: projector.Projection{Name: "streets", Alias: "streets"}, Source: s.source(t.TempDir()), Target: target, Owner: sinks.Owner{Run: "now"},
	}).Run(context.WithoutCancel(t.Context()))
	if err != nil {
		t.Error(err)
	}
	return documentsIn(t, target)
}

func documentsIn(t *testing.T, target *sinktest.MemoryTarget) map[string]string {
	ctx := context.WithoutCancel(t.Context())
	docs := map[string]string{}
	survey, err := target.Survey(ctx)
	if err != nil {
		t.Error(err)
		return nil
	}
	index, err := target.Open(ctx, survey.Live())
	if err == nil {
		err = index.Scan(ctx, 0, 1, func(page []sinks.Document) error {
			for _, d := range page {
				docs[string(d.ID)] = string(d.Body)
			}
			return nil
		})
	}
	if err != nil {
		t.Error(err)
	}
	return docs
}

// Keys that a database takes for equal have one form; that others have it too costs a
// reading.
func TestCommonForms(t *testing.T) {
	t.Parallel()
	for _, same := range [][]string{
		{"7", "7.00", "07", "7e0", " 7"},
		{"abc", "ABC", "abc  "},
		{"true", "t", "T"},
		{"0", "-0", "0.0"},
		{"6F9619FF-8B86-D011-B42D-00C04FC964FF", "6f9619ff-8b86-d011-b42d-00c04fc964ff"},
	} {
		for _, key := range same {
			if got, want := string(looseKey([]byte(key), 1)), string(looseKey([]byte(same[0]), 1)); got != want {
				t.Errorf("%q is %q, %q is %q", key, got, same[0], want)
			}
		}
	}
	if a, b := string(looseKey([]byte(`a\:b:3.00`), 2)), string(looseKey([]byte(`A\:b:3`), 2)); a != b {
		t.Errorf("%q, %q", a, b)
	}
	if string(looseKey([]byte("1:2"), 1)) == string(looseKey([]byte("1:2"), 2)) {
		t.Error("one part is taken for two")
	}
	if string(looseKey([]byte("7"), 1)) == string(looseKey([]byte("8"), 1)) {
		t.Error("all are the same")
	}
}

// What two reads saw is what each of them saw.
func TestBothReadsSaw(t *testing.T) {
	t.Parallel()
	a := sources.TxSnapshot{Min: 10, Max: 20, Running: []uint64{10, 15}}
	b := sources.TxSnapshot{Min: 12, Max: 18, Running: []uint64{12, 15}}
	for xid := range uint64(25) {
		if got, want := intersect(a, b).Sees(xid), a.Sees(xid) && b.Sees(xid); got != want {
			t.Errorf("transaction %d: %v, not %v", xid, got, want)
		}
		if intersect(a, liveSnapshot()).Sees(xid) != a.Sees(xid) {
			t.Errorf("transaction %d beside everything", xid)
		}
	}
}

// A fence is passed when those of all parts are, and not before.
func TestFenceOfAllParts(t *testing.T) {
	t.Parallel()
	s := &streets{dice: rand.New(rand.NewPCG(1, 5))}
	for range 50 {
		s.write()
	}
	feed, err := s.source(t.TempDir()).Capture(t.Context(), "run", "")
	if err != nil {
		t.Fatal(err)
	}
	s.streets.Append(0, sources.Record{Key: []byte("s1"), Value: []byte(`{"n":1}`)})
	s.houses.Append(0, sources.Record{Key: []byte("h1"), Value: []byte(`{"n":1}`)})
	id, err := feed.Fence(t.Context())
	var marked []sources.DirtyKey
	m := sources.ChangeSet{}
	for err == nil && m.Fence != id {
		err = feed.Next(t.Context(), &m)
		marked = append(marked, m.Keys...)
	}
	if err := errors.Join(err, feed.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	for _, want := range []sources.DirtyKey{{Key: "s1"}, {Node: "@houses/", Key: "h1"}} {
		if !slices.Contains(marked, want) {
			t.Errorf("no mark %v before the fence: %v", want, marked)
		}
	}
	at := map[string]sources.Position{}
	if err := json.Unmarshal([]byte(m.Position), &at); err != nil || len(at) != 4 {
		t.Errorf("position %s: %v", m.Position, err)
	}
}

// Links that are not where they were are told: changes of includes would lead nowhere.
func TestLiveJoinsNeedTheirLinks(t *testing.T) {
	t.Parallel()
	s := &streets{dice: rand.New(rand.NewPCG(1, 5))}
	s.write()
	dir := t.TempDir()
	feed, err := s.source(dir).Capture(t.Context(), "run", "")
	if err != nil {
		t.Fatal(err)
	}
	id, err := feed.Fence(t.Context())
	m := sources.ChangeSet{}
	for err == nil && m.Fence != id {
		err = feed.Next(t.Context(), &m)
	}
	if err := errors.Join(err, feed.Close(t.Context())); err != nil {
		t.Fatal(err)
	}
	again, err := s.source(dir).Capture(t.Context(), "run", m.Position)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(again.Close(t.Context()), os.RemoveAll(filepath.Join(dir, "linksrun"))); err != nil {
		t.Fatal(err)
	}
	var gap *sources.ErrChangesLost
	if _, err := s.source(dir).Capture(t.Context(), "run", m.Position); !errors.As(err, &gap) {
		t.Errorf("error %v", err)
	}
}
