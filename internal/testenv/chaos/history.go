package chaos

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

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
	Reread       int64              `json:"reread"`
	Phases       map[string]float64 `json:"phases"` // seconds of the run
	Late         int                `json:"late"`   // attempts that nobody waited for
	Resumed      bool               `json:"resumed"`
	Unsettled    int64              `json:"unsettled,omitempty"` // documents that a handover reported, and left out of the comparison

	Events int64    `json:"events,omitempty"` // transactions of events, beside the run
	Topics int      `json:"topics,omitempty"`
	Kills  []string `json:"kills,omitempty"` // of the program

	Troubles []Trouble        `json:"troubles"` // that the seed has drawn
	Happened map[string]int64 `json:"happened"` // by kind
}

// replay is how to make the history of a seed again.
func (p Place) replay(seed uint64, mode projector.Writer) string {
	program := ""
	if p.Program != "" {
		program = " --program"
	}
	if p.Always {
		program += " --always"
	}
	var names []string
	for _, t := range p.Troubles {
		names = append(names, string(t))
	}
	return fmt.Sprintf("go run ./bench chaos --seeds 1 --first %d --mode %s%s --troubles %s", seed, mode, program, cmp.Or(strings.Join(names, ","), "none"))
}

// quiescenceLimit is how long a follow may take to say that it is 0 behind when everything rests;
// campaigns run on machines that are busy with other things, too.
const quiescenceLimit = 5 * time.Minute

// engine is how a history has humpty.
type engine interface {
	// rebuild runs one to its end; only that of the name "second" meets faults.
	rebuild(ctx context.Context, run string) (projector.Record, error)
	// follow is humpty follow; it tells when it is 0 behind.
	follow(ctx context.Context, told chan<- caughtUp) error
	// status is what humpty status says.
	status(ctx context.Context) (sinks.Survey, error)
	// repair is humpty repair, when all rests.
	repair(ctx context.Context) error
	// release gives up what runs left on the source.
	release(ctx context.Context) error
}

// caughtUp is what a follow says of a generation: at that time nothing was due, and nothing unread.
type caughtUp struct {
	generation string
	at         time.Time
}

// tell passes it on, unless the one before has not been looked at.
func (c caughtUp) tell(to chan<- caughtUp) {
	select {
	case to <- c:
	default:
	}
}

// Run makes the history of a seed: an index that is right, writers, and beside them a
// rebuild by the given mode; then it lets everything rest and compares.
func Run(ctx context.Context, place Place, seed uint64, mode projector.Writer) (report Report, err error) {
	start := time.Now()
	report = Report{Seed: seed, Mode: mode}
	w, err := newWorld(ctx, place, seed, mode)
	if w == nil {
		return report, err
	}
	defer func() {
		report.Seconds = time.Since(start).Seconds()
		report.of(w)
		if err != nil {
			err = fmt.Errorf("seed %d, writer %s: %w\n    killed: %v\n    replay: %s", seed, mode, err, report.Kills, place.replay(seed, mode))
			if place.Failures != "" && ctx.Err() == nil {
				folder, keepErr := w.keep(report, err)
				err = errors.Join(fmt.Errorf("%w\n    kept in %s", err, folder), keepErr)
			}
		}
		err = errors.Join(err, w.close(ctx, err != nil))
	}()
	if err != nil {
		return report, err
	}
	begun := time.Now()
	if _, err := w.engine.rebuild(ctx, "first"); err != nil {
		return report, fmt.Errorf("the first generation: %w", err)
	}
	oracle, err := newOracle(ctx, w.dsn, w.schema.oracle)
	if err != nil {
		return report, err
	}
	defer oracle.close(ctx)
	app, err := newApplication(ctx, oracle, w.Elasticsearch+"/"+w.alias)
	if err != nil {
		return report, err
	}
	h := &history{world: w, app: app, report: &report, first: time.Since(begun)}
	return report, h.run(ctx)
}

// of takes what the world knows.
func (r *Report) of(w *world) {
	r.Topics, r.Troubles = len(w.schema.topics), w.plan.Troubles
	r.Happened = w.journal.counts()
	if w.late != nil {
		r.Late = w.late.Count
	}
	if p, ok := w.engine.(*builtProgram); ok {
		r.Kills = p.kills
	}
}

// history is the middle of one: what happens while the world changes.
type history struct {
	*world
	app    *application
	report *Report
	first  time.Duration // that the first run took

	mu           sync.Mutex
	ended        []*Act             // which explain how runs ended that did not do what they were told
	unsettled    *catchup.Unsettled // documents that a handover named
	named        bool               // … as the built program does, which repair puts right
	transactions atomic.Int64
	events       atomic.Int64
}

func (h *history) run(ctx context.Context) error {
	err := h.beside(ctx)
	if err == nil && h.plan.Mode == Snapshot {
		err = h.behindTheSwap(ctx)
	}
	if err == nil && h.plan.Mode == projector.WriterFollow && len(h.ended) == 0 {
		err = h.engine.release(ctx) // nobody follows any more
	}
	h.report.Transactions, h.report.Events = h.transactions.Load(), h.events.Load()
	if err != nil {
		return err
	}
	if err := h.late.land(); err != nil { // what lands after the end must not matter either
		return err
	}
	if h.named {
		if err := h.engine.repair(ctx); err != nil {
			return err
		}
		h.journal.count(endedNamed, 1)
		return h.right(ctx)
	}
	if len(h.ended) > 0 {
		return errors.Join(h.cure(ctx), h.engine.release(ctx)) // no run is resumed any more
	}
	h.journal.count(endedEqual, 1)
	return h.right(ctx)
}

// accept tells whether humpty may have ended so, after what was done to it.
func (h *history) accept(what string, err error) error {
	e := endingOf(err)
	act, ok := h.plan.judge(e)
	if !ok {
		return err
	}
	h.journal.note("%s ended, as it may after %s: %s", what, act, e)
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ended = append(h.ended, act)
	return nil
}

// cure is what an operator does when a run was refused or has a gap: puts identities back, and
// makes a new generation. Where a topic has not all any more, nothing can.
func (h *history) cure(ctx context.Context) error {
	if err := (&operator{world: h.world}).undo(ctx); err != nil {
		return err
	}
	if slices.ContainsFunc(h.plan.Acts, func(a *Act) bool { return a.done.Load() && !mayEnd(a.Kind).cure && len(mayEnd(a.Kind).codes) > 0 }) {
		h.journal.count(endedRefused, 1)
		if h.plan.Mode == projector.WriterFollow { // if it still ran, it was compared
			return nil
		}
		return h.right(ctx)
	}
	h.journal.count(endedGap, 1)
	h.unsettled = nil
	if _, err := h.engine.rebuild(ctx, "third"); err != nil {
		return fmt.Errorf("a new rebuild after %v: %w", h.ended, err)
	}
	if h.plan.Mode == projector.WriterFollow {
		if err := h.followAlone(ctx); err != nil {
			return fmt.Errorf("a new rebuild and follow after %v: %w", h.ended, err)
		}
	}
	return h.right(ctx)
}
