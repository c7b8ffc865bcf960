package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/report"
	"humpty/sinks"
)

// result is the last line of --json: one for each command, also when it failed.
type result struct {
	Schema      int                 `json:"schema"` // 1
	Type        string              `json:"type"`   // result
	Verb        string              `json:"verb"`
	Status      string              `json:"status"` // completed | failed | refused | interrupted
	ExitCode    int                 `json:"exit_code"`
	Error       *failure            `json:"error,omitempty"`
	Record      *projector.Record   `json:"record,omitempty"`      // rebuild
	Outcomes    []outcome           `json:"outcomes,omitempty"`    // rebuild --all
	Plan        *projector.Plan     `json:"plan,omitempty"`        // plan
	Finding     *projector.Finding  `json:"finding,omitempty"`     // verify, repair, restore
	Recovery    *projector.Recovery `json:"recovery,omitempty"`    // plan --recover
	Snapshot    *sinks.Snapshot     `json:"snapshot,omitempty"`    // snapshot
	Checks      []checked           `json:"checks,omitempty"`      // check
	Effective   []config.Setting    `json:"effective,omitempty"`   // check --show-effective
	Projections []shown             `json:"projections,omitempty"` // status
	Change      *sinks.AliasChange  `json:"change,omitempty"`      // swap, rollback
	Prune       *pruned             `json:"prune,omitempty"`       // prune
	Version     *versionInfo        `json:"version,omitempty"`     // version
	Config      json.RawMessage     `json:"config_schema,omitempty"`
	Demo        any                 `json:"demo,omitempty"`       // demo
	Documents   []projected         `json:"documents,omitempty"`  // project
	Letters     *[]heap             `json:"letters,omitempty"`    // dlq list
	Unexpected  []unexpected        `json:"unexpected,omitempty"` // project --expect

	projection string // that the command is about, as far as it is known
}

// failure says what went wrong and what to do.
type failure struct {
	Message  string       `json:"message"`
	Problems problem.List `json:"problems,omitempty"`
	Next     []string     `json:"next"` // what to type next
}

// line writes one line of --json.
func (a *app) line(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		a.out.failed = errors.Join(a.out.failed, err)
		return
	}
	_, _ = a.out.Write(append(data, '\n')) // the sink remembers
}

// finish says how it ended, to the person and to the machine.
func (a *app) finish(ctx context.Context, err error) int {
	code := exitCode(ctx, err)
	if err != nil {
		a.result.Error = a.explain(ctx, err)
	}
	if a.flags.json && (a.began || err != nil) {
		a.result.Schema, a.result.Type = 1, "result"
		a.result.Status, a.result.ExitCode = ending(code), code
		a.line(a.result)
	}
	if a.out.failed != nil && code == exitDone {
		fmt.Fprintf(a.err, "%s cannot write the result: %v\n", a.label("error"), a.out.failed)
		return exitFailed
	}
	return code
}

// eventLine is an event of a run as --json prints it.
type eventLine struct {
	Schema     int          `json:"schema"`
	Type       string       `json:"type"` // phase | progress | notice | warning | waiting | lag
	At         time.Time    `json:"at"`
	Phase      report.Phase `json:"phase,omitempty"`
	Projection string       `json:"projection,omitempty"` // follow, rebuild --all
	State      string       `json:"state,omitempty"`      // phase: started | ended
	Seconds    float64      `json:"seconds,omitempty"`
	Failed     string       `json:"failed,omitempty"`
	Text       string       `json:"text,omitempty"`
	Done       int64        `json:"done,omitempty"`
	Earlier    int64        `json:"earlier,omitempty"` // of done: by processes of the run that ended
	Total      int64        `json:"total,omitempty"`
	Bytes      int64        `json:"bytes,omitempty"`
	ETA        *report.ETA  `json:"eta,omitempty"` // until the alias serves
	Lag        *report.Lag  `json:"lag,omitempty"`
}

// eventPrinter prints the events of a run as lines, progress at most once an interval. The
// projection is named where there may be others.
func (a *app) eventPrinter(projection string) func(report.Event) {
	var last, lagged time.Time
	return func(e report.Event) {
		l := eventLine{Schema: 1, Type: string(e.Kind), At: e.At.UTC(), Phase: e.Phase, Projection: projection, Text: e.Text, Failed: e.Failed, Done: e.Done, Earlier: e.Earlier, Total: e.Total, Bytes: e.Bytes, ETA: e.ETA, Lag: e.Lag}
		switch e.Kind {
		case report.Started, report.Ended:
			l.Type, l.State, l.Seconds = "phase", string(e.Kind), e.Elapsed.Seconds()
		case report.Progress:
			if e.At.Sub(last) < a.flags.interval {
				return
			}
			last = e.At
		case report.Lagging:
			if e.At.Sub(lagged) < a.flags.interval {
				return
			}
			lagged = e.At
		}
		a.line(l)
	}
}

// warn says what is worth knowing and no reason to stop.
func (a *app) warn(text string) {
	if a.flags.json {
		a.line(eventLine{Schema: 1, Type: "warning", At: time.Now().UTC(), Text: text})
	}
	if !a.flags.quiet {
		fmt.Fprintf(a.err, "%s %s\n", a.label("warning"), indent(text))
	}
}

// caution is warn for a problem that is only a warning.
func (a *app) caution(about string, p problem.Problem) {
	p.Warning = false // the label says it
	a.warn(about + p.String())
}

// printf writes to stdout for a person; with --json the result line says it.
func (a *app) printf(format string, args ...any) {
	if !a.flags.json {
		fmt.Fprintf(a.out, format, args...)
	}
}

// label is the first word of a line on stderr.
func (a *app) label(word string) string {
	text := fmt.Sprintf("%-9s", word)
	if !a.colour() {
		return text
	}
	code := map[string]string{"error": "1;31", "warning": "33", "next": "36"}[word]
	return "\x1b[" + code + "m" + text + "\x1b[0m"
}

func (a *app) colour() bool {
	_, off := a.env("NO_COLOR")
	return a.redraws() && !off && !a.flags.noColor
}

// redraws tells whether stderr is a terminal that can do more than lines.
func (a *app) redraws() bool {
	term, _ := a.env("TERM")
	return a.errTerminal && term != "dumb"
}

func indent(text string) string {
	return strings.ReplaceAll(text, "\n", "\n"+strings.Repeat(" ", 10))
}
