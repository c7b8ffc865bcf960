package checkpoint

import (
	"slices"
	"time"

	"humpty/internal/problem"
	"humpty/projector/ledger"
	"humpty/projector/outage"
	"humpty/projector/report"
	"humpty/sources"
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

// History is what is known of a run from all of its processes. It is kept by gob: its fields
// keep their names.
type History struct {
	Attempts    []Attempt
	Behind      PartitionDone // what was booked behind the load
	Passes      []ledger.Pass // the same
	Rounds      []report.Round
	Outages     []outage.Outage
	Undone      int64
	Checkpoints float64 // seconds
}

// Progress is what a process has of its run so far.
type Progress struct {
	Phases      []report.PhaseTime // of this process
	Seconds     float64            // of this process
	Rounds      []report.Round
	Outages     []outage.Outage
	Undone      int64
	Checkpoints float64 // seconds that earlier processes spent in durable steps

	LoadComplete bool               // then the next three count
	AfterLoad    ledger.Ledger      // what was booked behind the load
	Rejections   []ledger.Rejection // the same
	Passes       []ledger.Pass      // the same
}

// StartAttempt adds this process to a run's history; sameProcess if it did so before. One that
// left no end was killed: it was last heard of when it wrote something down. It returns what
// is known from earlier processes, nil if this one knows it.
func (j *Journal) StartAttempt(began time.Time, sameProcess bool) *History {
	h := &j.history
	if last := len(h.Attempts) - 1; sameProcess && last >= 0 {
		h.Attempts[last].Status, h.Attempts[last].Reason = "", ""
		return nil
	}
	if last := len(h.Attempts) - 1; last >= 0 && h.Attempts[last].Status == "" {
		h.Attempts[last].killed(j.lastHeard)
	}
	h.Attempts = append(h.Attempts, Attempt{Started: began.UTC(), Phases: []report.PhaseTime{}})
	return h
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

// AfterLoad is what earlier processes booked behind the load.
func (j *Journal) AfterLoad() (sum ledger.Ledger, rejections []ledger.Rejection, passes []ledger.Pass) {
	return j.history.Behind.Ledger, j.history.Behind.Rejections, j.history.Passes
}

// Remember writes down what was done so far.
func (j *Journal) Remember(p Progress) error {
	if !j.Unfinished() || len(j.history.Attempts) == 0 {
		return nil
	}
	if p.LoadComplete {
		j.history.Behind, j.history.Passes = PartitionDone{Ledger: p.AfterLoad, Rejections: p.Rejections}, p.Passes
	}
	j.recall(p)
	return j.write(keptHistory, j.history)
}

// recall puts into the history what is known of this process.
func (j *Journal) recall(p Progress) {
	h := &j.history
	h.Rounds, h.Outages, h.Undone = p.Rounds, p.Outages, p.Undone
	h.Checkpoints = p.Checkpoints + j.Spent().Seconds()
	a := &h.Attempts[len(h.Attempts)-1]
	a.Phases, a.Seconds = p.Phases, p.Seconds
}

// Attempts are those of a run for its record, this one ended so; none if it had one only.
func (j *Journal) Attempts(p Progress, status report.Status, reason string) (all []Attempt) {
	if j == nil || len(j.history.Attempts) < 2 {
		return nil
	}
	j.recall(p)
	all = slices.Clone(j.history.Attempts)
	last := &all[len(all)-1]
	last.Status, last.Reason = status, reason
	return all
}

// EndAttempt says how this process ended; remember makes it durable.
func (j *Journal) EndAttempt(status report.Status, reason error) {
	if j == nil || len(j.history.Attempts) == 0 {
		return
	}
	a := &j.history.Attempts[len(j.history.Attempts)-1]
	a.Status = status
	if reason != nil {
		a.Reason = problem.FirstLine(reason)
	}
}

// EarlierPhases are those of all processes but this one.
func (j *Journal) EarlierPhases() (all []report.PhaseTime) {
	if j == nil || len(j.history.Attempts) == 0 {
		return nil
	}
	for _, a := range j.history.Attempts[:len(j.history.Attempts)-1] {
		all = append(all, a.Phases...)
	}
	return all
}

// Redo books how many documents of partitions that are not done are in the index already, of
// all that are there: they are read and written again.
func (j *Journal) Redo(documents int64) {
	for _, share := range j.Done {
		documents -= share.Ledger.Written
	}
	j.history.Attempts[len(j.history.Attempts)-1].Redone += max(0, documents)
}

// Resumes reports whether an earlier process of the run left some of the partitions to be read.
func (j *Journal) Resumes(planned []sources.Partition) bool {
	return j != nil && len(j.history.Attempts) > 0 && len(j.Undone(planned)) > 0
}
