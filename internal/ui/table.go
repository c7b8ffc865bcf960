package ui

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/vbauerster/mpb/v8"
	"github.com/vbauerster/mpb/v8/decor"
	"golang.org/x/sync/errgroup"

	"humpty/projector/report"
)

// Row is one of several runs.
type Row struct {
	Name        string
	Documents   int64       // about how many there will be; 0: not known
	EarlierPace report.Pace // of an earlier run; the zero Pace: there is none
	After       []int       // rows above it that must be over before it begins
}

// Table shows several runs: a row for each, and one for all of them with the time to go.
type Table struct {
	opts Options

	mu    sync.Mutex
	since time.Time
	rows  []*row
	width int

	container *mpb.Progress // nil: lines
	bars      []*mpb.Bar
	all       atomic.Pointer[string] // what the first bar says
}

type row struct {
	Row
	phase   phase
	loaded  int64
	outcome string // how; empty: it has not
	started time.Time
	elapsed time.Duration
	drawn   atomic.Pointer[string] // what its bar says; it may not wait for the table
}

// NewTable makes a Table.
func NewTable(o Options, rows []Row) *Table {
	if o.Interval <= 0 {
		o.Interval = DefaultInterval
	}
	t := &Table{opts: o, since: time.Now(), width: len("all")}
	for _, r := range rows {
		t.rows = append(t.rows, &row{Row: r})
		t.width = max(t.width, len(r.Name))
	}
	return t
}

// Run does work, whose runs report to Observe, and shows how they go until it is over.
func (t *Table) Run(work func()) {
	done := make(chan struct{})
	if t.opts.Bars {
		t.draw()
	}
	var group errgroup.Group
	group.Go(func() error {
		t.heartbeat(done)
		return nil
	})
	work()
	close(done)
	_ = group.Wait() // gives no error
	if t.container == nil {
		t.mu.Lock()
		defer t.mu.Unlock()
		t.line("all", t.summary(time.Now()))
		return
	}
	for _, b := range t.bars {
		b.Abort(false)
	}
	t.container.Wait()
}

// draw makes a line of the terminal for each row, and one for all.
func (t *Table) draw() {
	t.container = mpb.New(mpb.WithOutput(t.opts.Out), mpb.WithAutoRefresh())
	t.refresh(time.Now())
	texts := []*atomic.Pointer[string]{&t.all}
	for _, r := range t.rows {
		texts = append(texts, &r.drawn)
	}
	for _, text := range texts {
		t.bars = append(t.bars, t.container.New(1, mpb.NopStyle(), mpb.PrependDecorators(
			decor.Any(func(decor.Statistics) string { return *text.Load() }))))
	}
}

// heartbeat writes how far all are that are running, at each interval.
func (t *Table) heartbeat(done <-chan struct{}) {
	every := t.opts.Interval
	if t.container != nil {
		every = time.Second / 4
	}
	tick := time.NewTicker(every)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case now := <-tick.C:
			t.mu.Lock()
			if t.container != nil {
				t.refresh(now)
			} else {
				t.lines(now)
			}
			t.mu.Unlock()
		}
	}
}

func (t *Table) refresh(now time.Time) {
	text := t.labelled("all", t.summary(now))
	t.all.Store(&text)
	for _, r := range t.rows {
		text := t.labelled(r.Name, r.text(now, true))
		r.drawn.Store(&text)
	}
}

func (t *Table) lines(now time.Time) {
	t.line("all", t.summary(now))
	for _, r := range t.rows {
		if !r.started.IsZero() && r.outcome == "" {
			t.line(r.Name, r.text(now, false))
		}
	}
}

// Begin says that it is a run's turn.
func (t *Table) Begin(i int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rows[i].started = time.Now()
	t.line(t.rows[i].Name, "begins")
}

// Observe takes an event of a run.
func (t *Table) Observe(i int, e report.Event) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rows[i]
	e.Text = t.opts.shown(e.Text)
	r.phase.apply(e)
	switch e.Kind {
	case report.Progress:
		if e.Phase == report.PhaseLoad {
			r.loaded, r.Documents = e.Done, max(r.Documents, e.Done)
		}
	case report.Notice:
		t.line(r.Name, e.Text)
	case report.Ended:
		t.line(r.Name, string(e.Phase)+": "+r.phase.endText(e))
		r.phase = phase{lag: r.phase.lag, eta: r.phase.eta, etaAt: r.phase.etaAt}
	}
}

// End says how a run ended.
func (t *Table) End(i int, how string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	r := t.rows[i]
	r.outcome, r.elapsed = how, time.Since(r.started)
	t.line(r.Name, how+" after "+Time(r.elapsed))
}

// Say writes a line about a run.
func (t *Table) Say(i int, text string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.line(t.rows[i].Name, text)
}

// Write writes lines above what is redrawn.
func (t *Table) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.out().Write(p)
}

// Status says in one line how far all are.
func (t *Table) Status() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	now := time.Now()
	parts := []string{"all: " + t.summary(now)}
	for _, r := range t.rows {
		if !r.started.IsZero() && r.outcome == "" {
			parts = append(parts, r.Name+": "+r.text(now, true))
		}
	}
	return strings.Join(parts, "; ")
}

// summary is about all of them.
func (t *Table) summary(now time.Time) string {
	var ended, failed int
	var documents, loaded int64
	for _, r := range t.rows {
		documents += r.Documents
		loaded += r.loaded
		if r.outcome == "" {
			continue
		}
		ended++
		if r.outcome != "completed" && r.outcome != "verified" {
			failed++
		}
	}
	text := fmt.Sprintf("%d of %d over", ended, len(t.rows))
	if failed > 0 {
		text += fmt.Sprintf(" (%d of them failed)", failed)
	}
	if ended == len(t.rows) {
		return text
	}
	if documents > 0 {
		text += fmt.Sprintf(", %s of about %s documents", Count(loaded), Count(documents))
	}
	return text + ", " + t.etaText(now)
}

func (r *row) text(now time.Time, short bool) string {
	switch {
	case r.outcome != "":
		return r.outcome + " after " + Time(r.elapsed)
	case r.started.IsZero():
		return "waits for its turn"
	case r.phase.name == "":
		return "between two phases"
	case short:
		return string(r.phase.name) + ": " + r.phase.short(now)
	}
	return string(r.phase.name) + ": " + r.phase.text(now)
}

func (t *Table) labelled(name, text string) string {
	return fmt.Sprintf("%-*s  %s", t.width, name, text)
}

func (t *Table) out() io.Writer {
	if t.container != nil {
		return t.container
	}
	return t.opts.Out
}

// line is as in Reporter: what cannot be written is lost.
func (t *Table) line(name, text string) {
	text = strings.ReplaceAll(t.opts.shown(text), "\n", "\n"+strings.Repeat(" ", t.width+2))
	_, _ = io.WriteString(t.out(), t.labelled(name, text)+"\n")
}
