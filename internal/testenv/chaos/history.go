package chaos

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/internal/wait"
	"humpty/projector"
	"humpty/projector/catchup"
	"humpty/sinks"
)

// Report is what one history was.
type Report struct {
	Seed         uint64             `json:"seed"`
	Mode         projector.Writer   `json:"mode"`
	Seconds      float64            `json:"seconds"`
	Transactions int64              `json:"transactions"` // committed beside the run
	Documents    int                `json:"documents"`    // at the end
	Rounds       int                `json:"rounds"`
	Reread       int64              `json:"reread"`
	Phases       map[string]float64 `json:"phases"` // seconds of the run
	Late         int                `json:"late"`   // attempts that went on without a client
	Resumed      bool               `json:"resumed"`
	Unsettled    int64              `json:"unsettled,omitempty"` // documents that a handover reported, and left out of the comparison

	Events int64    `json:"events,omitempty"` // transactions of events, beside the run
	Topics int      `json:"topics,omitempty"`
	Kills  []string `json:"kills,omitempty"` // of the program
}

// Wrong is the error of a history after which the index is not what the oracle says.
type Wrong struct {
	Seed                  uint64
	Mode                  projector.Writer
	Missing, Stale, Extra []string
	First                 string // of the stale ones: both forms
}

func (w *Wrong) Error() string {
	return fmt.Sprintf("after a history with writer %s, %d documents are missing %v, %d are stale %v, %d are extra %v\n%s",
		w.Mode, len(w.Missing), w.Missing, len(w.Stale), w.Stale, len(w.Extra), w.Extra, w.First)
}

// replay is how to make the history of a seed again.
func (p Place) replay(seed uint64, mode projector.Writer) string {
	program := ""
	if p.Program != "" {
		program = " --program"
	}
	return fmt.Sprintf("go run ./bench chaos --seeds 1 --first %d --mode %s%s", seed, mode, program)
}

// quiescenceLimit is how long a follow may take to catch up when everything rests; campaigns run on
// machines that are busy with other things, too.
const quiescenceLimit = 5 * time.Minute

// engine is how a history has humpty.
type engine interface {
	// rebuild runs one to its end, the first one without a fault.
	rebuild(ctx context.Context, run string) (projector.Record, error)
	// follow is humpty follow; caughtUp is told now and then, when it may be there.
	follow(ctx context.Context, caughtUp chan<- struct{}) error
	// release gives up what runs left on the source.
	release(ctx context.Context) error
}

// Run makes the history of a seed: an index that is right, writers, and beside them a
// rebuild by the given mode; then it lets everything rest and compares.
func Run(ctx context.Context, place Place, seed uint64, mode projector.Writer) (_ Report, err error) {
	start := time.Now()
	w, err := newWorld(ctx, place, seed, mode)
	defer func() {
		if w != nil {
			err = errors.Join(err, w.close(ctx, err != nil))
		}
		if err != nil && w != nil {
			if p, ok := w.engine.(*builtProgram); ok && len(p.kills) > 0 {
				err = fmt.Errorf("%w\n    killed: %v", err, p.kills)
			}
		}
		if err != nil {
			err = fmt.Errorf("seed %d, writer %s: %w\n    replay: %s", seed, mode, err, place.replay(seed, mode))
		}
	}()
	if err != nil {
		return Report{}, err
	}
	if _, err := w.engine.rebuild(ctx, "first"); err != nil {
		return Report{}, fmt.Errorf("the first generation: %w", err)
	}
	oracle, err := newOracle(ctx, w.dsn, w.schema.oracle)
	if err != nil {
		return Report{}, err
	}
	defer oracle.close(ctx)
	app, err := newApplication(ctx, oracle, w.es+"/"+w.alias)
	if err != nil {
		return Report{}, err
	}
	report := Report{Seed: seed, Mode: mode, Topics: len(w.schema.topics)}
	err = (&history{world: w, app: app, report: &report}).run(ctx)
	report.Seconds, report.Late = time.Since(start).Seconds(), w.late.Count
	if p, ok := w.engine.(*builtProgram); ok {
		report.Kills = p.kills
	}
	return report, err
}

// history is the middle of one: what happens while the world changes.
type history struct {
	*world
	app    *application
	report *Report
}

func (h *history) run(ctx context.Context) error {
	stop := make(chan struct{})
	group, working := errgroup.WithContext(ctx)
	following, done := context.WithCancel(working)
	defer done()
	commit := h.app.commit
	caughtUp := make(chan struct{}, 1)
	if h.mode == projector.WriterFollow {
		commit = func(_ context.Context, commit func() error) error { return commit() }
		group.Go(func() error { return h.engine.follow(following, caughtUp) })
	}
	var transactions, events atomic.Int64
	quiet := make(chan struct{})
	group.Go(func() error {
		defer close(quiet)
		writing, working := errgroup.WithContext(working)
		for n := range uint64(writers) {
			w := &tableWriter{seed: h.seed, number: n, dsn: h.dsn, schema: h.schema, commit: commit}
			writing.Go(func() error { return w.write(working, stop, &transactions) })
		}
		if h.producer != nil {
			writing.Go(func() error { return h.producer.produce(working, stop, &events, commit) })
		}
		return writing.Wait()
	})
	var unsettled *catchup.Unsettled
	group.Go(func() error {
		defer close(stop)
		rec, err := h.engine.rebuild(working, "second")
		h.report.Resumed, h.report.Rounds, h.report.Phases = rec.Resumed, len(rec.Rounds), map[string]float64{}
		for _, p := range rec.Phases {
			h.report.Phases[string(p.Phase)] = p.Seconds
		}
		for _, r := range rec.Rounds {
			h.report.Reread += r.Reread
		}
		if errors.As(err, &unsettled) {
			h.report.Unsettled = unsettled.Documents
			err = nil
		}
		return errors.Join(err, wait.For(working, time.Duration(h.rng.IntN(200))*time.Millisecond))
	})
	group.Go(func() error {
		select {
		case <-quiet:
		case <-working.Done():
			return nil
		}
		defer done()
		return h.quiesce(working, caughtUp)
	})
	if err := group.Wait(); err != nil {
		return err
	}
	h.report.Transactions, h.report.Events = transactions.Load(), events.Load()
	if h.mode == projector.WriterFollow {
		if err := h.engine.release(ctx); err != nil {
			return err
		}
	}
	if err := h.late.group.Wait(); err != nil { // what lands after the end must not matter either
		return err
	}
	docs, wrong, err := h.compare(ctx, h.app.oracle, unsettled)
	h.report.Documents = docs
	if err == nil && wrong != nil {
		err = wrong
	}
	return err
}

// quiesce is reached when the application has written what it has to, and a follow is there.
func (h *history) quiesce(ctx context.Context, caughtUp <-chan struct{}) error {
	if h.mode != projector.WriterFollow {
		return h.app.index(ctx)
	}
	oracle, err := newOracle(ctx, h.dsn, h.schema.oracle)
	if err != nil {
		return err
	}
	defer oracle.close(ctx)
	for end := time.Now().Add(quiescenceLimit); ; {
		select {
		case <-caughtUp:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
		_, wrong, err := h.compare(ctx, oracle, nil)
		if err != nil || wrong == nil {
			return err
		}
		if time.Now().After(end) {
			return fmt.Errorf("after %s of rest: %w", quiescenceLimit, wrong)
		}
	}
}

// compare holds the index that serves against the oracle.
func (h *history) compare(ctx context.Context, oracle *oracle, except *catchup.Unsettled) (int, *Wrong, error) {
	want, err := oracle.documents(ctx)
	if err != nil {
		return 0, nil, err
	}
	survey, err := h.target.Survey(ctx)
	if err != nil {
		return 0, nil, err
	}
	index, err := h.target.Open(ctx, survey.Live())
	if err != nil {
		return 0, nil, err
	}
	if _, err := index.Count(ctx); err != nil { // refreshes
		return 0, nil, err
	}
	have := map[string]string{}
	err = index.Scan(ctx, 0, 1, func(docs []sinks.Document) error {
		for _, d := range docs {
			have[string(d.ID)] = string(d.Body)
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	if except != nil {
		for _, id := range except.First {
			delete(want, id)
			delete(have, id)
		}
	}
	return len(want), h.differ(want, have), nil
}

func (h *history) differ(want, have map[string]string) *Wrong {
	wrong := &Wrong{Seed: h.seed, Mode: h.mode}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		switch got, there := have[id]; {
		case !there:
			wrong.Missing = append(wrong.Missing, id)
		case got != want[id]:
			wrong.Stale = append(wrong.Stale, id)
			wrong.First = "is   " + got + "\nwant " + want[id]
		}
		delete(have, id)
	}
	wrong.Extra = slices.Sorted(maps.Keys(have))
	if len(wrong.Missing)+len(wrong.Stale)+len(wrong.Extra) == 0 {
		return nil
	}
	return wrong
}
