package ui

import (
	"fmt"
	"strings"
	"time"

	"humpty/projector/report"
)

// phase is what is known of the running phase.
type phase struct {
	name     report.Phase
	since    time.Time
	done     int64
	earlier  int64 // of these, by processes that ended
	total    int64 // estimate; 0: not known
	bytes    int64
	waiting  string
	pace     string // how a load paces its requests, and why
	requests int    // how many it has at once
	lag      *report.Lag
	eta      *report.ETA // until the alias serves; nil: what is done is no rebuild
	etaAt    time.Time   // when
}

func (p *phase) apply(e report.Event) {
	if e.ETA != nil {
		p.eta, p.etaAt = e.ETA, e.At
	}
	switch e.Kind {
	case report.Started:
		*p = phase{name: e.Phase, since: e.At, lag: p.lag, eta: p.eta, etaAt: p.etaAt}
	case report.Progress:
		p.done, p.earlier, p.total, p.bytes, p.waiting = e.Done, e.Earlier, e.Total, e.Bytes, ""
		p.pace, p.requests = e.Text, e.Requests
	case report.Waiting:
		p.waiting = e.Text
	case report.Lagging:
		p.lag = e.Lag
	}
}

func (p *phase) rate(at time.Time) float64 {
	if s := at.Sub(p.since).Seconds(); s > 0 {
		return float64(p.done-p.earlier) / s
	}
	return 0
}

// remaining is the time to go, 0 if it cannot be said.
func (p *phase) remaining(at time.Time) time.Duration {
	rate := p.rate(at)
	if p.total <= p.done || rate == 0 {
		return 0
	}
	return time.Duration(float64(p.total-p.done) / rate * float64(time.Second))
}

// etaText says when the alias will serve, or for what is no rebuild when the phase will be over.
func (p *phase) etaText(at time.Time) string {
	if p.eta != nil {
		return ETA(p.eta.After(at.Sub(p.etaAt), p.name))
	}
	if left := p.remaining(at); left > 0 {
		return "ETA " + Time(left)
	}
	return ""
}

// text says how far the phase is.
func (p *phase) text(at time.Time) string {
	var parts []string
	switch {
	case p.total > 0 && p.done <= p.total:
		parts = append(parts, fmt.Sprintf("%s of about %s documents (%d%%)", Count(p.done), Count(p.total), p.done*100/p.total))
	case p.done > 0:
		parts = append(parts, Count(p.done)+" documents")
	}
	if p.bytes > 0 {
		parts = append(parts, Bytes(p.bytes))
	}
	if p.done > 0 {
		parts = append(parts, Count(int64(p.rate(at)))+"/s")
	}
	if eta := p.etaText(at); eta != "" {
		parts = append(parts, eta)
	}
	if p.pace != "" {
		parts = append(parts, p.pace)
	}
	if p.waiting != "" {
		parts = append(parts, "waiting: "+p.waiting)
	}
	if p.lag != nil {
		parts = append(parts, Lag(*p.lag))
	}
	if p.done == 0 && p.waiting == "" && p.lag == nil {
		parts = append([]string{"running for " + Time(at.Sub(p.since))}, parts...)
	}
	return strings.Join(parts, ", ")
}

// short is the text next to a bar, which needs the room.
func (p *phase) short(at time.Time) string {
	var parts []string
	switch {
	case p.total > 0 && p.done <= p.total:
		parts = append(parts, fmt.Sprintf("%d%%", p.done*100/p.total), Count(p.done)+"/"+Count(p.total))
	case p.done > 0:
		parts = append(parts, Count(p.done))
	}
	if p.done > 0 {
		parts = append(parts, Bytes(p.bytes), Count(int64(p.rate(at)))+"/s")
	}
	if eta := p.etaText(at); eta != "" {
		eta, _, _ = strings.Cut(eta, " until")
		parts = append(parts, eta)
	}
	if p.requests > 0 {
		parts = append(parts, fmt.Sprintf("%d at once", p.requests))
	}
	if p.waiting != "" {
		parts = append(parts, "waiting: "+p.waiting)
	}
	if p.lag != nil && (p.name == report.PhaseCatchUp || p.name == report.PhaseFollow) {
		parts = append(parts, Lag(*p.lag))
	}
	if p.done == 0 && p.waiting == "" {
		parts = append([]string{Time(at.Sub(p.since))}, parts...)
	}
	return strings.Join(parts, "  ")
}

// endText is the line of a phase that is over.
func (p *phase) endText(e report.Event) string {
	if e.Answer != "" {
		return e.Answer + " after " + Time(e.Elapsed)
	}
	if e.Failed != "" {
		return "stopped after " + Time(e.Elapsed)
	}
	line := "done in " + Time(e.Elapsed)
	if p.done > 0 {
		line += fmt.Sprintf(": %s documents", Count(p.done))
		if p.bytes > 0 {
			line += ", " + Bytes(p.bytes)
		}
		if s := e.Elapsed.Seconds(); s > 0 {
			line += fmt.Sprintf(", %s/s", Count(int64(float64(p.done-p.earlier)/s)))
		}
	}
	return line
}

// ETA says when an alias will serve: as far as that can be told.
func ETA(e report.ETA) string {
	eta := Seconds(e.Seconds)
	if e.Known() {
		return "ETA " + Time(eta) + " until the alias serves"
	}
	names := make([]string, len(e.Besides))
	for i, p := range e.Besides {
		names[i] = string(p)
	}
	text := "ETA over " + Time(eta)
	if eta == 0 {
		text = "ETA not known"
	}
	return text + " until the alias serves (no measure of " + strings.Join(names, ", ") + ")"
}

// Activity says in one line what a run does that is seen from elsewhere.
func Activity(d report.Activity, at time.Time) string {
	p := phase{
		name: d.Phase, since: d.Since, done: d.Done, earlier: d.Earlier, total: d.Total, bytes: d.Bytes, waiting: d.Waiting, lag: d.Lag,
		eta: d.ETA, etaAt: d.At,
	}
	return string(d.Phase) + ": " + p.text(at)
}

// Lag says how far the changes of a live run are behind.
func Lag(l report.Lag) string {
	text := fmt.Sprintf("changes: %s behind, %s of log held, %s to read again", Bytes(l.Behind), Bytes(l.Held), Count(int64(l.Backlog)))
	if l.Rate >= 1 {
		text += fmt.Sprintf(", %s/s", Count(int64(l.Rate)))
	}
	if l.Refused > 0 {
		text += fmt.Sprintf(", %s documents refused", Count(l.Refused))
	}
	if l.Poison > 0 {
		text += fmt.Sprintf(", %s events unreadable", Count(l.Poison))
	}
	if l.Aside != "" {
		return "set aside: " + l.Aside
	}
	return text
}
