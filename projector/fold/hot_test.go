package fold_test

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"sync"
	"testing"

	"humpty/projector"
	"humpty/projector/fold"
	"humpty/projector/fold/handlers"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sinks/sinktest"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// producer writes the next event of a hot key whenever that key was read.
type producer struct {
	log    *keptLog
	ctx    context.Context //nolint:containedctx // of the test
	hot    map[string]bool
	states []string // in turns; "" is a deletion; none: always another value

	mu       sync.Mutex
	begun    bool
	appended int
	beats    map[string]int
	twice    map[string]bool // keys with two events at once, so that each later reading meets the same state
}

// read is told of a key that was read.
func (p *producer) read(key string) {
	p.mu.Lock()
	n := 1
	if p.twice[key] {
		delete(p.twice, key)
		n = 2
	}
	if !p.begun || !p.hot[key] {
		n = 0
	}
	for range n {
		p.beats[key]++
		event := sources.Record{Key: []byte(key), Value: fmt.Appendf(nil, `{"n":"no %d"}`, p.beats[key])}
		if len(p.states) > 0 {
			event.Value = []byte(p.states[p.beats[key]%len(p.states)])
		}
		if event.Deleted = len(event.Value) == 0; event.Deleted {
			event.Value = nil
		}
		p.appended++
		p.log.Append(int(key[1])%2, event)
	}
	all := p.appended
	p.mu.Unlock()
	p.log.await(p.ctx, all)
}

// begin writes the first event of each hot key.
func (p *producer) begin() {
	p.mu.Lock()
	p.begun = true
	p.mu.Unlock()
	for key := range p.hot {
		p.read(key)
	}
}

// doubled has the next reading of each key write two events.
func (p *producer) doubled() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.twice = maps.Clone(p.hot)
}

// steady is a fold that tells the producer what was read.
type steady struct {
	fold.Fold
	producer *producer
	key      string
}

func (s *steady) Begin(key, document []byte) error {
	s.key = string(key)
	return s.Fold.Begin(key, document)
}

func (s *steady) Append(dst []byte) ([]byte, bool, error) {
	out, alive, err := s.Fold.Append(dst)
	s.producer.read(s.key)
	return out, alive, err
}

// keptLog is a log that knows how many events of its tails were kept.
type keptLog struct {
	*sourcetest.LogSource

	mu   sync.Mutex
	n    int
	more chan struct{} // closed and replaced when some were kept
}

func (k *keptLog) add(n int) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.n += n
	close(k.more)
	k.more = make(chan struct{})
}

// await returns when so many were kept.
func (k *keptLog) await(ctx context.Context, n int) {
	for {
		k.mu.Lock()
		enough, more := k.n >= n, k.more
		k.mu.Unlock()
		if enough {
			return
		}
		select {
		case <-more:
		case <-ctx.Done():
			return
		}
	}
}

// logView is what a view of a log can do.
type logView interface {
	sources.View
	sources.EndOffsets
	sources.Tailer
}

type keptView struct {
	logView
	log *keptLog
}

type keptTail struct {
	sources.Reader
	log   *keptLog
	given int // by the last call: kept when the next one comes
}

func (k *keptLog) Open(ctx context.Context) (sources.View, error) {
	view, err := k.LogSource.Open(ctx)
	return keptView{view.(logView), k}, err
}

func (v keptView) Tail(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	tail, err := v.logView.Tail(ctx, p, from)
	return &keptTail{Reader: tail, log: v.log}, err
}

func (r *keptTail) Next(ctx context.Context, b *sources.Batch) error {
	r.log.add(r.given)
	r.given = 0
	err := r.Reader.Next(ctx, b)
	r.given = len(b.Records)
	return err
}

// TestKeysWhoseEventsComeSteadily: keys that have the same two values, or value and tombstone, in
// turns never stop a live rebuild; up to one document in a thousand it stays a full comparison.
func TestKeysWhoseEventsComeSteadily(t *testing.T) {
	t.Parallel()
	two, all := map[string]bool{"k7": true, "k8": true}, map[string]bool{"k5": true, "k6": true, "k7": true, "k8": true, "k9": true}
	for name, one := range map[string]struct {
		hot      map[string]bool
		states   []string
		level    string
		stranger bool
	}{
		"two values":             {hot: two, states: []string{`{"n":"a"}`, `{"n":"b"}`}, level: "full"},
		"a value and a deletion": {hot: two, states: []string{`{"n":"a"}`, ""}, level: "full"},
		"a stranger beside":      {hot: two, states: []string{`{"n":"a"}`, `{"n":"b"}`}, stranger: true},
		"always another value":   {hot: all, level: "partial"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			log, target := &keptLog{LogSource: &sourcetest.LogSource{Partitions: 2}, more: make(chan struct{})}, &sinktest.MemoryTarget{Name: "orders"}
			for i := range 4100 {
				log.Append(i%2, sources.Record{Key: fmt.Append(nil, "k", i), Value: fmt.Appendf(nil, `{"n":%d}`, i)})
			}
			p := &producer{log: log, ctx: t.Context(), hot: one.hot, states: one.states, beats: map[string]int{}}
			dir := t.TempDir()
			source := liveSource(log.LogSource, dir)
			source.Inner = log
			source.New = func() (fold.Fold, error) {
				inner, err := handlers.NewLatest()
				return &steady{Fold: inner, producer: p}, err
			}
			store := storeIn(t, dir)
			defer store.Close() //nolint:errcheck // of a test that is over
			r := projector.Rebuild{
				Projection: projector.Projection{Name: "orders", Alias: "orders"}, Source: source, Target: target,
				Owner: sinks.Owner{Run: "steady"}, Live: &projector.Live{Checkpoint: store, Writer: projector.WriterFreeze},
				Observe: func(e report.Event) {
					switch {
					case e.Kind == report.Started && e.Phase == report.PhaseCatchUp:
						p.begin()
					case e.Kind == report.Started && e.Phase == report.PhaseVerify:
						p.doubled()
						if err := stranger(t.Context(), target, one.stranger); err != nil {
							t.Error(err)
						}
					}
				},
			}
			record, err := r.Run(t.Context())
			var differs *verify.Differs
			switch v := record.Verified; {
			case one.stranger:
				if !errors.As(err, &differs) || differs.Stale != 1 || differs.Extra+differs.Missing != 0 || differs.First[0].ID != "k500" {
					t.Error(err)
				}
			case err != nil:
				t.Error(err)
			case v.Level != one.level || v.Differs() || v.Moving != int64(len(one.hot)):
				t.Errorf("%+v", v)
			}
		})
	}
}

// stranger changes a document of the only generation there is, if it comes.
func stranger(ctx context.Context, target *sinktest.MemoryTarget, comes bool) error {
	if !comes {
		return nil
	}
	survey, err := target.Survey(ctx)
	if err != nil {
		return err
	}
	index, err := target.Open(ctx, survey.Generations[0].Name)
	if err == nil {
		err = index.(sinks.WriterFence).BeginWriter(ctx, "application") //nolint:forcetypeassert // of the fake
	}
	if err != nil {
		return err
	}
	d := sinks.Document{ID: []byte("k500"), Version: 1 << 62, Body: []byte(`{"n":501}`)}
	_, err = index.Write(ctx, []sinks.Document{d}, make([]sinks.Verdict, 1))
	return err
}
