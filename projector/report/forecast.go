package report

import (
	"slices"
	"time"

	"humpty/sinks"
)

// Pace is how long the phases of a run took, and for how many documents.
type Pace struct {
	Documents int64             `json:"documents"`
	Seconds   map[Phase]float64 `json:"seconds"`
}

// PaceBefore is that of the newest generation that says how long it took.
func PaceBefore(s sinks.Survey) (p Pace) {
	for _, g := range slices.Backward(s.Generations) {
		if len(g.Meta.PhaseSeconds) == 0 {
			continue
		}
		p.Documents, p.Seconds = g.Meta.Documents, make(map[Phase]float64, len(g.Meta.PhaseSeconds))
		for phase, seconds := range g.Meta.PhaseSeconds {
			p.Seconds[Phase(phase)] = seconds
		}
		return p
	}
	return p
}

// ETA is how long it takes until the alias serves, verification and copies included.
type ETA struct {
	Seconds float64 `json:"seconds"`           // of the phases whose pace is known
	Besides []Phase `json:"besides,omitempty"` // those whose pace is not: neither this run nor an earlier one has measured it
}

// Known reports whether all phases are in it.
func (e ETA) Known() bool { return len(e.Besides) == 0 }

// After is the ETA a while later, when nothing more was heard. A phase that should be over
// by then takes longer than can be said.
func (e ETA) After(d time.Duration, phase Phase) ETA {
	e.Seconds -= d.Seconds()
	if e.Seconds < 0 {
		e.Seconds = 0
		if !slices.Contains(e.Besides, phase) {
			e.Besides = append([]Phase{phase}, e.Besides...)
		}
	}
	return e
}

// Forecast says from the events of a run how long it still takes: from what this run has
// measured in the running phase, and for the others from what an earlier one took, by the
// number of documents. It is not safe for concurrent use.
type Forecast struct {
	Documents int64 // about how many there will be; 0: not known
	Live      bool  // changes are caught up with
	Before    Pace  // of an earlier run of the same projection; the zero Pace: there is none

	phase   Phase
	began   time.Time
	over    int // phases that are
	lag     *Lag
	from    mark // the first progress of the phase
	latest  mark
	elapsed map[Phase]float64
}

// mark is how far a phase was, at a time.
type mark struct {
	at          time.Time
	done, total int64
}

// UntilServed are the phases of a rebuild, in their order.
func UntilServed() []Phase {
	return []Phase{PhasePlan, PhaseCreate, PhaseCapture, PhaseLoad, PhaseCatchUp, PhaseSeal, PhaseVerify, PhaseSwap}
}

// Observe learns from an event.
func (f *Forecast) Observe(e Event) {
	switch e.Kind {
	case Started:
		f.phase, f.began, f.from, f.latest = e.Phase, e.At, mark{}, mark{}
		f.over = slices.Index(UntilServed(), e.Phase)
	case Progress:
		f.latest = mark{e.At, e.Done, e.Total}
		if f.from.at.IsZero() || e.Done < f.from.done { // a run that goes on begins with what was done before
			f.from = f.latest
		}
	case Lagging:
		f.lag = e.Lag
	case Ended:
		if f.elapsed == nil {
			f.elapsed = map[Phase]float64{}
		}
		f.elapsed[e.Phase] += e.Elapsed.Seconds()
		if f.phase = ""; e.Failed == "" {
			f.over++
		}
	}
}

// Measured is how long the phases took so far, the running one until then.
func (f *Forecast) Measured(at time.Time) map[Phase]float64 {
	all := make(map[Phase]float64, len(f.elapsed)+1)
	for p, s := range f.elapsed {
		all[p] = s
	}
	if f.phase != "" {
		all[f.phase] += at.Sub(f.began).Seconds()
	}
	return all
}

// Left is the time to go, nil for what is no rebuild.
func (f *Forecast) Left(at time.Time) *ETA {
	if f.over < 0 {
		return nil
	}
	var eta ETA
	for _, p := range UntilServed()[min(f.over, len(UntilServed())):] {
		left, known := f.of(p, at)
		eta.Seconds += left
		if !known {
			eta.Besides = append(eta.Besides, p)
		}
	}
	return &eta
}

// of is the time to go of one phase.
func (f *Forecast) of(p Phase, at time.Time) (left float64, known bool) {
	if p == f.phase {
		if left, known = f.running(at); known {
			return left, true
		}
	}
	whole, known := f.Before.of(p, f.Documents)
	switch {
	case known && p == f.phase:
		left = whole - at.Sub(f.began).Seconds()
		return max(left, 0), left >= 0
	case known:
		return whole, true
	}
	switch p {
	case PhaseLoad, PhaseSeal, PhaseVerify:
		return 0, false
	case PhaseCatchUp:
		return 0, !f.Live
	default: // moments
		return 0, true
	}
}

// running is what the running phase itself says.
func (f *Forecast) running(at time.Time) (left float64, known bool) {
	if f.phase == PhaseCatchUp && f.lag != nil && f.lag.Rate >= 1 {
		return float64(f.lag.Backlog) / f.lag.Rate, true
	}
	took := f.latest.at.Sub(f.from.at).Seconds()
	total := f.latest.total
	if took <= 0 || total <= 0 || f.latest.done <= f.from.done {
		return 0, false
	}
	left = float64(total-f.latest.done) * took / float64(f.latest.done-f.from.done)
	return max(0, left-at.Sub(f.latest.at).Seconds()), true
}

// of is how long a phase takes with so many documents, at this pace.
func (p Pace) of(phase Phase, documents int64) (seconds float64, known bool) {
	seconds, known = p.Seconds[phase]
	switch phase {
	case PhaseLoad, PhaseSeal, PhaseVerify:
		if known && p.Documents > 0 && documents > 0 {
			seconds *= float64(documents) / float64(p.Documents)
		}
	}
	return seconds, known
}

// Whole is how long a run of so many documents takes at this pace; false if none is known.
func (p Pace) Whole(documents int64) (seconds float64, known bool) {
	for phase := range p.Seconds {
		s, _ := p.of(phase, documents)
		seconds += s
	}
	return seconds, len(p.Seconds) > 0
}
