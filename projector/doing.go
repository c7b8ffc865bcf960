package projector

import (
	"encoding/json"
	"slices"
	"sync"
	"time"

	"humpty/projector/report"
	"humpty/sinks"
)

// doing is what the process says in its lease. The nil one says nothing.
type doing struct {
	mu   sync.Mutex
	last report.Doing
}

func (d *doing) take(e report.Event) {
	if d == nil {
		return
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last.Take(e)
}

func (d *doing) told() string {
	if d == nil {
		return ""
	}
	d.mu.Lock()
	defer d.mu.Unlock()
	text, err := json.Marshal(d.last)
	if err != nil {
		return "" // numbers that JSON does not have: it is news, and nobody's decision
	}
	return string(text)
}

// expect tells the forecast what the plan found.
func (o *observer) expect(documents int64, live bool, survey sinks.Survey) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.forecast.Documents, o.forecast.Live, o.forecast.Before = documents, live, PaceBefore(survey)
}

// PaceBefore is that of the newest generation that says how long it took.
func PaceBefore(s sinks.Survey) (p report.Pace) {
	for _, g := range slices.Backward(s.Generations) {
		if len(g.Meta.PhaseSeconds) == 0 {
			continue
		}
		p.Documents, p.Seconds = g.Meta.Documents, make(map[report.Phase]float64, len(g.Meta.PhaseSeconds))
		for phase, seconds := range g.Meta.PhaseSeconds {
			p.Seconds[report.Phase(phase)] = seconds
		}
		return p
	}
	return p
}

// took is how long the phases took so far, in all processes of the run.
func (n *run) took() map[string]float64 {
	n.observer.mu.Lock()
	defer n.observer.mu.Unlock()
	all := map[string]float64{}
	for phase, seconds := range n.observer.forecast.Measured(time.Now()) {
		all[string(phase)] = seconds
	}
	if n.journal == nil || len(n.journal.history.Attempts) == 0 {
		return all
	}
	for _, a := range n.journal.history.Attempts[:len(n.journal.history.Attempts)-1] {
		for _, p := range a.Phases {
			all[string(p.Phase)] += p.Seconds
		}
	}
	return all
}
