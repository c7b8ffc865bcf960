package projector

import (
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/projector/checkpoint"
	"humpty/projector/generation"
	"humpty/projector/report"
	"humpty/sources"
)

// logbook is what a run writes down of itself, so that a later process can resume it.
type logbook struct {
	journal          *checkpoint.Journal // nil: the run cannot be resumed
	resumedInProcess bool                // this process had begun it, and was stopped by an outage
	began            time.Time
	record           *Record
	accounts         *accounts
}

// startAttempt takes over what earlier processes of the run have written down.
func (l *logbook) startAttempt() {
	h := l.journal.StartAttempt(l.began, l.resumedInProcess)
	if h == nil {
		return
	}
	l.record.Rounds = slices.Clone(h.Rounds)
	l.record.Outages = slices.Clone(h.Outages)
	l.record.Undone = h.Undone
	l.record.Checkpoints = h.Checkpoints
}

// progress is what this process has of the run so far.
func (l *logbook) progress() checkpoint.Progress {
	r := l.record
	p := checkpoint.Progress{
		Phases: r.Phases, Seconds: time.Since(l.began).Seconds(),
		Rounds: r.Rounds, Outages: r.Outages, Undone: r.Undone, Checkpoints: r.Checkpoints,
	}
	l.accounts.afterLoad(&p)
	return p
}

// remember writes down what was done so far.
func (l *logbook) remember() error { return l.journal.Remember(l.progress()) }

// recordAttemptEnd writes down how this process ended.
func (l *logbook) recordAttemptEnd(status report.Status, reason error) error {
	l.journal.EndAttempt(status, reason)
	return l.remember()
}

// markFinished writes down that nothing resumes the run any more.
func (l *logbook) markFinished(status report.Status, reason error) error {
	e := checkpoint.End{Status: status, At: time.Now().UTC()}
	if reason != nil {
		e.Reason = reason.Error()
	}
	return l.journal.MarkFinished(e)
}

// recountRedone finds how many documents of partitions that are not done are in the index
// already: they are read and written again.
func (l *logbook) recountRedone(ctx context.Context, candidate *generation.Candidate, planned []sources.Partition) error {
	if !l.journal.Resumes(planned) {
		return nil
	}
	there, err := candidate.Index.Count(ctx)
	if err != nil {
		return fmt.Errorf("count index %s: %w", candidate.Name, err)
	}
	l.journal.Redo(there)
	return nil
}

// phaseSeconds is how long the phases took so far, in all processes of the run.
func (l *logbook) phaseSeconds(observer *report.Observer) map[string]float64 {
	all := observer.PhaseSeconds()
	for _, p := range l.journal.EarlierPhases() {
		all[string(p.Phase)] += p.Seconds
	}
	return all
}
