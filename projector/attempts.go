package projector

import (
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/internal/problem"
	"humpty/projector/ledger"
	"humpty/projector/outage"
	"humpty/projector/report"
)

// Attempt is one process's part of a run.
type Attempt struct {
	Started time.Time          `json:"started"`
	Seconds float64            `json:"seconds"` // until it ended, or was last heard of
	Status  report.Status      `json:"status"`  // killed: it wrote down no end
	Reason  string             `json:"reason,omitempty"`
	Phases  []report.PhaseTime `json:"phases"`
	Redone  int64              `json:"redone,omitempty"` // documents that were in the index when it began, and were read and written again
}

// history is what is known of a run from all of its processes.
type history struct {
	Attempts    []Attempt
	Behind      portionDone   // what was booked behind the load
	Passes      []ledger.Pass // the same
	Rounds      []report.Round
	Outages     []outage.Outage
	Undone      int64
	Checkpoints float64 // seconds
}

// attempt adds this process to a run's history. One that left no end was killed: it was
// last heard of when it wrote something down.
func (n *run) attempt() {
	h := &n.journal.history
	if last := len(h.Attempts) - 1; n.again && last >= 0 { // the same process
		h.Attempts[last].Status, h.Attempts[last].Reason = "", ""
		return
	}
	if last := len(h.Attempts) - 1; last >= 0 && h.Attempts[last].Status == "" {
		h.Attempts[last].killed(n.journal.heard)
	}
	h.Attempts = append(h.Attempts, Attempt{Started: n.began.UTC(), Phases: []report.PhaseTime{}})
	n.record.Rounds = slices.Clone(h.Rounds)
	n.record.Outages = slices.Clone(h.Outages)
	n.record.Undone = h.Undone
	n.record.Checkpoints = h.Checkpoints
}

// killed ends an attempt at the time when it was last heard of, in the phase behind the
// last that it ended.
func (a *Attempt) killed(heard time.Time) {
	a.Status = report.Killed
	a.Seconds = max(a.Seconds, heard.Sub(a.Started).Seconds())
	over, phases := 0.0, report.UntilServed()
	at := 0
	for _, p := range a.Phases {
		over += p.Seconds
		at = slices.Index(phases, p.Phase) + 1
	}
	if rest := a.Seconds - over; rest > 0 && at < len(phases) {
		a.Phases = append(a.Phases, report.PhaseTime{Phase: phases[at], Seconds: rest})
	}
}

// loaded is called when the load is over: what earlier processes did behind it is booked now.
func (n *run) loaded() {
	if n.journal == nil {
		return
	}
	n.front.Ledger, n.front.Rejections = n.ledger.Totals()
	n.ledger.AddEarlier(n.journal.history.Behind.Ledger, n.journal.history.Behind.Rejections)
	n.record.Passes = append(n.record.Passes, n.journal.history.Passes...)
	n.behind = true
}

// remember writes down what was done so far.
func (n *run) remember() error {
	if n.journal == nil || n.journal.begun == nil || n.journal.ended != nil || len(n.journal.history.Attempts) == 0 {
		return nil
	}
	h := &n.journal.history
	if n.behind {
		sum, rejections := n.ledger.Totals()
		h.Behind = portionDone{Ledger: sum.Sub(n.front.Ledger).Decided(), Rejections: rejections[min(len(rejections), len(n.front.Rejections)):]}
		pass := n.since("afterwards")
		pass.Produced = pass.Written + pass.Superseded + pass.Deleted + pass.Rejected
		h.Passes = ledger.AppendPass(n.record.Passes, pass)[1:] // the first is the load's: its partitions know it
	}
	n.recall(h)
	return n.journal.keep(keptHistory, *h)
}

// recall puts into the history what the record has of this process.
func (n *run) recall(h *history) {
	h.Rounds, h.Outages, h.Undone = n.record.Rounds, n.record.Outages, n.record.Undone
	h.Checkpoints = n.record.Checkpoints + n.journal.spent().Seconds()
	a := &h.Attempts[len(h.Attempts)-1]
	a.Phases, a.Seconds = n.record.Phases, time.Since(n.began).Seconds()
}

// attempts are those of a run for its record, this one ended so; none if it had one only.
func (n *run) attempts(status report.Status, reason string) (all []Attempt) {
	if n.journal == nil || len(n.journal.history.Attempts) < 2 {
		return nil
	}
	n.recall(&n.journal.history)
	all = slices.Clone(n.journal.history.Attempts)
	last := &all[len(all)-1]
	last.Status, last.Reason = status, reason
	for _, a := range all {
		n.record.Redone += a.Redone
	}
	return all
}

// left writes down how this process ended.
func (n *run) left(err error) error {
	if n.journal == nil || len(n.journal.history.Attempts) == 0 {
		return nil
	}
	a := &n.journal.history.Attempts[len(n.journal.history.Attempts)-1]
	if a.Status = n.statusOf(err); err != nil {
		a.Reason = problem.FirstLine(err)
	}
	return n.remember()
}

// recount finds how many documents of partitions that are not done are in the index already:
// they are read and written again.
func (n *run) recount(ctx context.Context) error {
	if n.journal == nil || !n.Live.Resume || len(n.journal.history.Attempts) == 0 || len(n.journal.undone(n.input.Partitions)) == 0 {
		return nil
	}
	there, err := n.index.Count(ctx)
	if err != nil {
		return fmt.Errorf("count index %s: %w", n.record.Generation, err)
	}
	for _, share := range n.journal.done {
		there -= share.Ledger.Written
	}
	n.journal.history.Attempts[len(n.journal.history.Attempts)-1].Redone += max(0, there)
	return nil
}
