package projector

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/catchup"
	"humpty/projector/checkpoint"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/pace"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// run is a Rebuild on its way: what the phases hand to each other.
type run struct {
	Rebuild
	observer *report.Observer
	began    time.Time
	record   Record

	fence     int64 // of the lease
	survey    sinks.Survey
	input     sources.Plan
	view      sources.View
	candidate *generation.Candidate // the generation that is made
	ledger    *ledger.Book
	shares    *ledger.Partitions
	rate      *pace.Limiter // nil: none
	came      pace.Setting  // to which the load came before an outage; zero: not known

	background     func(func(context.Context) error) // starts what goes on beside the phases
	again          bool                              // this process had begun it, and was stopped by an outage
	journal        *checkpoint.Journal               // nil: the run cannot be gone on with
	loadLedger     ledger.Ledger                     // when the load was over
	loadRejections []ledger.Rejection                // the same
	loadComplete   bool
	earlier        int64            // documents that earlier processes produced
	capture        *catchup.Capture // nil: nothing to catch up with
	rereads        atomic.Int64     // documents read again by rounds
	rounds         *catchup.Rounds
}

// newRun is a rebuild that begins, and tells the observer.
func newRun(r *Rebuild, observer *report.Observer) *run {
	n := &run{Rebuild: *r, began: time.Now(), observer: observer}
	n.candidate = &generation.Candidate{Target: r.Target, Alias: r.Projection.Alias, Observer: observer}
	n.Projection.Limits = n.Projection.Limits.WithDefaults()
	n.rate = pace.NewLimiter(n.Projection.Limits.Rate)
	n.ledger = ledger.NewBook(n.Projection.Limits.Rejections, r.Letters)
	n.record = Record{
		Run:        r.Owner.Run,
		Projection: r.Projection.Name,
		Alias:      r.Projection.Alias,
		Started:    n.began.UTC(),
		Resumable:  r.Live != nil && r.Live.Resume, // until more is known of it
	}
	return n
}

// timed runs one phase, tells the observer, and keeps its time.
func (n *run) timed(ctx context.Context, phase report.Phase, do func(context.Context) error) error {
	start := time.Now()
	n.observer.Start(phase)
	err := do(ctx)
	took := time.Since(start)
	n.record.Phases = append(n.record.Phases, report.PhaseTime{Phase: phase, Seconds: took.Seconds()})
	n.observer.End(phase, took, err)
	if err == nil {
		err = n.remember()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", phase, err)
	}
	return nil
}

// leave gives back what the run holds on the source, and writes the reason of a failure
// into the generation, so that nothing half-done stays without a record.
func (n *run) leave(ctx context.Context, err error) error {
	ctx, cancel := wait.ToCleanUp(ctx)
	defer cancel()
	if n.view != nil {
		err = errors.Join(err, n.view.Close(ctx))
	}
	n.journal.EndAttempt(n.statusOf(err), err)
	err = errors.Join(err, n.remember())
	if n.record.Resumable = n.canGoOn(err); !n.record.Resumable {
		err = errors.Join(err, n.over(err))
		crashpoint.At("end recorded")
	}
	err = errors.Join(err, n.release(ctx, err))
	crashpoint.At("capture released")
	if err == nil || n.candidate.Index == nil || n.candidate.Meta.State == sinks.Verified || n.candidate.Meta.State == sinks.Live {
		return err // a verified generation that was not swapped is as good as before
	}
	n.candidate.Meta.Reason = err.Error()
	state := sinks.Failed
	if n.record.Resumable {
		state = n.candidate.Meta.State
	}
	if noteErr := n.candidate.Note(ctx, state); noteErr != nil {
		return errors.Join(err, fmt.Errorf("record the failure in %s: %w", n.record.Generation, noteErr))
	}
	if state == sinks.Failed {
		n.candidate.RestoreSettings(ctx)
	}
	return err
}

// finish completes the record.
func (n *run) finish(err error) Record {
	n.pass("afterwards")
	attempts := n.journal.Attempts(n.progress(), n.statusOf(err), reasonOf(err))
	for _, a := range attempts {
		n.record.Redone += a.Redone
	}
	rec := n.record
	rec.Attempts = attempts
	rec.Pace = n.pace()
	rec.Seconds = time.Since(n.began).Seconds()
	rec.Checkpoints += n.journal.Spent().Seconds()
	rec.Ledger, rec.Rejections = n.ledger.Totals()
	if len(rec.Rejections) > ledger.RejectionsShown {
		rec.Rejections = rec.Rejections[:ledger.RejectionsShown]
	}
	rec.Notices = n.observer.Notices()
	rec.Status = n.statusOf(err)
	rec.Partial = n.candidate.ServedEarly
	rec.Reason = reasonOf(err)
	return rec
}

func reasonOf(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}

func (n *run) statusOf(err error) report.Status {
	var refusal *problem.Refusal
	switch {
	case err == nil && n.NoSwap:
		return report.Verified
	case err == nil:
		return report.Completed
	case errors.As(err, &refusal):
		return report.Refused
	case errors.Is(err, context.Canceled):
		return report.Interrupted
	}
	return report.Failed
}
