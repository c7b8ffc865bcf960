package runs

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"humpty/internal/assemble"
	"humpty/internal/ownfile"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/report"
)

// Log is a live run's own log: a line of JSON for each event, as --json prints them. It
// outlives the terminal, and humpty status --follow reads it from another one.
type Log struct {
	file   *os.File // nil: there is none
	last   time.Time
	failed error // the first that a line could not be written for
}

// OpenLog opens the log of a run in its state folder.
func OpenLog(state assemble.State, projection, run string) (*Log, error) {
	path := state.LogPath(projection, run)
	f, err := ownfile.Open(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY)
	if err != nil {
		return nil, fmt.Errorf("open the log of run %s: %w", run, err)
	}
	return &Log{file: f}, nil
}

// logInterval is how often progress is written down.
const logInterval = time.Second

// Event writes an event down.
func (l *Log) Event(e report.Event) {
	if l.file == nil {
		return
	}
	if e.Kind == report.Progress {
		if e.At.Sub(l.last) < logInterval {
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

// End writes the last line: how the run ended.
func (l *Log) End(r projector.Record) {
	if l.file != nil {
		l.line(LogEnd{Type: "end", Status: r.Status, Reason: r.Reason, Resumable: r.Resumable})
	}
}

// LogEnd is the last line of a log.
type LogEnd struct {
	Type      string        `json:"type"`   // end
	Status    report.Status `json:"status"` // empty: the run's process is gone, and did not write it
	Reason    string        `json:"reason,omitempty"`
	Resumable bool          `json:"resumable,omitempty"`
}

func (l *Log) line(v any) {
	data, err := json.Marshal(v)
	if err == nil {
		_, err = l.file.Write(append(data, '\n'))
	}
	if err != nil && l.failed == nil {
		l.failed = err
	}
}

// Close says whether a line is missing.
func (l *Log) Close() error {
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

// pollInterval is how often a log is looked at that has not grown.
const pollInterval = 250 * time.Millisecond

// Replay shows the lines of a log as they come, until its end or until no process is at work
// on the run.
func Replay(ctx context.Context, log io.Reader, show func(report.Event), idle func() (bool, error)) (LogEnd, error) {
	in := bufio.NewReader(log)
	var part []byte
	tick := time.NewTicker(pollInterval)
	defer tick.Stop()
	for abandoned := false; ; {
		line, err := in.ReadBytes('\n')
		part = append(part, line...)
		switch {
		case errors.Is(err, io.EOF):
			if abandoned {
				return LogEnd{}, nil
			}
			select {
			case <-tick.C:
			case <-ctx.Done():
				return LogEnd{}, context.Cause(ctx)
			}
			if abandoned, err = idle(); err != nil {
				return LogEnd{}, err
			}
			continue
		case err != nil:
			return LogEnd{}, fmt.Errorf("read the run's log: %w", err)
		}
		var end LogEnd
		if err := json.Unmarshal(part, &end); err == nil && end.Type == "end" {
			if more, err := in.Peek(1); err != nil || len(more) == 0 { // else it was resumed
				return end, nil
			}
		} else {
			var e loggedEvent
			if err := json.Unmarshal(part, &e); err != nil {
				return LogEnd{}, fmt.Errorf("a line of the run's log cannot be read: %w", err)
			}
			e.Elapsed = ui.Seconds(e.Seconds)
			show(e.Event)
		}
		part = slices.Delete(part, 0, len(part))
	}
}
