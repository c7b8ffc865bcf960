package console

import (
	"encoding/json"
	"time"

	"humpty/internal/problem"
	"humpty/projector/report"
)

// Line writes one line of --json.
func (c *Console) Line(v any) {
	data, err := json.Marshal(v)
	if err != nil {
		c.Out.fail(err)
		return
	}
	c.Out.json(append(data, '\n'))
}

// EventLine is an event of a run as --json prints it.
type EventLine struct {
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

// Events prints the events of a run as lines, progress at most once an interval. The
// projection is named where there may be others.
func (c *Console) Events(projection string) func(report.Event) {
	var last, lagged time.Time
	return func(e report.Event) {
		l := EventLine{Schema: 1, Type: string(e.Kind), At: e.At.UTC(), Phase: e.Phase, Projection: projection, Text: c.Addressed(e.Text), Failed: c.Addressed(e.Failed), Done: e.Done, Earlier: e.Earlier, Total: e.Total, Bytes: e.Bytes, ETA: e.ETA, Lag: e.Lag}
		switch e.Kind {
		case report.Started, report.Ended:
			l.Type, l.State, l.Seconds = "phase", string(e.Kind), e.Elapsed.Seconds()
		case report.Progress:
			if e.At.Sub(last) < c.Interval {
				return
			}
			last = e.At
		case report.Lagging:
			if e.At.Sub(lagged) < c.Interval {
				return
			}
			lagged = e.At
		}
		c.Line(l)
	}
}

// Observer shows events, with --json also as lines.
func (c *Console) Observer(projection string, show func(report.Event)) func(report.Event) {
	if !c.JSON {
		return show
	}
	line := c.Events(projection)
	return func(e report.Event) { line(e); show(e) }
}

// Warn says what is worth knowing and no reason to stop.
func (c *Console) Warn(text string) {
	if c.JSON {
		c.Line(EventLine{Schema: 1, Type: "warning", At: time.Now().UTC(), Text: c.Addressed(text)})
	}
	if !c.Quiet {
		c.Say("warning", text)
	}
}

// WarnProblem is Warn for a problem that is only a warning.
func (c *Console) WarnProblem(about string, p problem.Problem) {
	p.Warning = false // the label says it
	c.Warn(about + p.String())
}
