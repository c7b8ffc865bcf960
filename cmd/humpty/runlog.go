package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"humpty/projector"
	"humpty/projector/report"
)

// runLog is a live run's own log: a line of JSON for each event, as --json prints them. It
// outlives the terminal, and humpty status --follow reads it from another one.
type runLog struct {
	file   *os.File // nil: there is none
	last   time.Time
	failed error // the first that a line could not be written for
}

// logged opens the log of a run in its state folder.
func (l *liveRun) logged(run string) (*runLog, error) {
	if l.store == nil {
		return &runLog{}, nil
	}
	path := l.state.Log(l.projection.Name, run)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return nil, fmt.Errorf("open the log of run %s: %w", run, err)
	}
	return &runLog{file: f}, nil
}

// everyLine is how often progress is written down.
const everyLine = time.Second

func (l *runLog) event(e report.Event) {
	if l.file == nil {
		return
	}
	if e.Kind == report.Progress {
		if e.At.Sub(l.last) < everyLine {
			return
		}
		l.last = e.At
	}
	l.line(loggedEvent{e, e.Elapsed.Seconds()})
}

// loggedEvent is a line of a log.
type loggedEvent struct {
	report.Event
	Seconds float64 `json:"seconds,omitempty"` // ended: of the phase
}

// over is the last line: how the run ended.
func (l *runLog) over(r projector.Record) {
	if l.file != nil {
		l.line(loggedEnd{Type: "end", Status: r.Status, Reason: r.Reason, Resumable: r.Resumable})
	}
}

// loggedEnd is the last line of a log.
type loggedEnd struct {
	Type      string        `json:"type"` // end
	Status    report.Status `json:"status"`
	Reason    string        `json:"reason,omitempty"`
	Resumable bool          `json:"resumable,omitempty"`
}

func (l *runLog) line(v any) {
	data, err := json.Marshal(v)
	if err == nil {
		_, err = l.file.Write(append(data, '\n'))
	}
	if err != nil && l.failed == nil {
		l.failed = err
	}
}

func (l *runLog) close() error {
	if l.file == nil {
		return nil
	}
	if err := l.file.Close(); err != nil && l.failed == nil {
		l.failed = err
	}
	if l.failed != nil {
		return fmt.Errorf("the run's log %s is not whole: %w", l.file.Name(), l.failed)
	}
	return nil
}
