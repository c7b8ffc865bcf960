package ui

import (
	"context"
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/projector/report"
)

// DefaultInterval is how often the state of a running phase is written, off a terminal.
const DefaultInterval = 10 * time.Second

// Options of a Reporter. Only Out is required.
type Options struct {
	Out      io.Writer
	Bars     bool          // Out is a terminal that can redraw lines
	Interval time.Duration // between lines; DefaultInterval if 0

	Text func(string) string // makes what a run says fit for Out; nil: it is as it is
}

// shown is a text as Out may have it.
func (o Options) shown(text string) string {
	if o.Text == nil {
		return text
	}
	return o.Text(text)
}

// Reporter turns the events of one run into lines or bars.
type Reporter struct {
	opts Options

	mu    sync.Mutex
	phase phase
	bar   *bar
}

// NewReporter makes a Reporter.
func NewReporter(opts Options) *Reporter {
	if opts.Interval <= 0 {
		opts.Interval = DefaultInterval
	}
	return &Reporter{opts: opts}
}

// Run does work, which reports to the observer that it is given, and shows how it goes
// until it is over.
func (r *Reporter) Run(ctx context.Context, work func(context.Context, func(report.Event)) error) error {
	done := make(chan struct{})
	var group errgroup.Group
	if r.opts.Bars {
		r.bar = newBar(r.opts.Out, r)
		defer r.bar.close()
	}
	group.Go(func() error {
		r.heartbeat(done)
		return nil
	})
	group.Go(func() error {
		defer close(done)
		return work(ctx, r.observe)
	})
	return group.Wait()
}

// heartbeat writes how far the running phase is, at each interval, also when the run says nothing.
func (r *Reporter) heartbeat(done <-chan struct{}) {
	tick := time.NewTicker(r.opts.Interval)
	defer tick.Stop()
	for {
		select {
		case <-done:
			return
		case <-tick.C:
		}
		r.mu.Lock()
		if r.phase.name != "" && r.bar == nil {
			r.line(string(r.phase.name), r.phase.text(time.Now()))
		}
		r.mu.Unlock()
	}
}

func (r *Reporter) observe(e report.Event) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.Text = r.opts.shown(e.Text)
	r.phase.apply(e)
	switch e.Kind {
	case report.Started:
		if r.bar == nil {
			r.line(string(e.Phase), strings.TrimSpace("started "+e.Text))
		} else {
			r.bar.start()
		}
	case report.Progress:
		if r.bar != nil {
			r.bar.update()
		}
	case report.Notice:
		r.line("notice", e.Text)
	case report.Waiting:
		if r.bar == nil {
			r.line(string(e.Phase), "waiting: "+e.Text)
		} else {
			r.bar.update()
		}
	case report.Lagging:
		if r.bar != nil {
			r.bar.update()
		}
	case report.Ended:
		if r.bar != nil {
			r.bar.end()
		}
		r.line(string(e.Phase), r.phase.endText(e))
		r.phase = phase{lag: r.phase.lag, eta: r.phase.eta, etaAt: r.phase.etaAt}
	}
}

// Status says in one line how far the run is.
func (r *Reporter) Status() string {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.phase.name == "" {
		return "between two phases"
	}
	return string(r.phase.name) + ": " + r.phase.text(time.Now())
}

// Say writes a line of its own between the others.
func (r *Reporter) Say(label, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.line(label, text)
}

// line writes one line, above the bar if there is one. What cannot be written is lost:
// a run does not end because it is not watched.
func (r *Reporter) line(label, text string) {
	text = strings.ReplaceAll(r.opts.shown(text), "\n", "\n"+strings.Repeat(" ", 10))
	line := fmt.Sprintf("%-9s %s\n", label, text)
	if r.bar != nil {
		r.bar.above(line)
		return
	}
	_, _ = io.WriteString(r.opts.Out, line)
}
