package projector

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/internal/crashpoint"
	"humpty/internal/deadletter"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/generation"
	"humpty/projector/lease"
	"humpty/projector/ledger"
	"humpty/projector/outage"
	"humpty/projector/pace"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// Rebuild is one run to be: fill in, then Plan or Run.
type Rebuild struct {
	Projection Projection
	Source     sources.Source
	Target     sinks.Target
	Owner      sinks.Owner // who runs; Owner.Run is the run's id

	Adopt      *Adopt             // nil: a new generation is filled; else one that is there is made right
	Live       *Live              // nil: the source is at rest, one snapshot serves the run
	AllowEmpty bool               // let an empty generation replace one with documents
	NoSwap     bool               // stop after verification
	ServeEarly bool               // where the alias serves nothing: let searches see the generation while it is loaded, the newest keys first
	Letters    *deadletter.Writer // where what is refused goes; closed by the run; nil: it is counted only
	Observe    func(report.Event) // may be nil

	MaxOutage time.Duration // how long a server is waited for that went away; 15 min by default, negative: not at all
}

// Run does the whole of it under the projection's lease and says what happened; the
// record is right even with an error. Errors that a caller may want to tell apart:
// *problem.Refusal, *ledger.TooManyRejections, *ledger.TooMuchPoison, *ledger.Unbalanced,
// *verify.Differs, *outage.Unavailable; anything else is a failure of a source, of the target,
// or the end of ctx. In all of these the alias is as it was.
func (r *Rebuild) Run(ctx context.Context) (Record, error) {
	s := &supervisor{run: newRun(r, report.NewRunObserver(r.Observe)), most: outage.Limit(r.MaxOutage)}
	h := lease.Hold{
		Target: r.Target, Owner: r.Owner, Patience: s.most, Activity: s.run.observer.Activity, Waiting: s.run.observer.Waiting,
		Before: func(ctx context.Context) error { return generation.CleanUpOrphaned(ctx, r.Target) },
	}
	err := h.Do(ctx, s.phases)
	return s.run.finish(err)
}

// run is a Rebuild on its way: what the phases hand to each other.
type run struct {
	Rebuild
	record     Record
	observer   *report.Observer
	background *background
	lease      sinks.Lease
	input      sources.Plan // of the source
	candidate  *generation.Candidate

	accounts   *accounts
	pacing     *pacing
	changes    *changes
	durability *durability
	logbook    *logbook
	gate       *gate
	cutover    *cutover
	adoption   *adoption
}

// newRun is a rebuild that begins, and tells the observer.
func newRun(rebuild *Rebuild, observer *report.Observer) *run {
	r := &run{Rebuild: *rebuild, observer: observer, background: new(background)}
	r.Projection.Limits = r.Projection.Limits.WithDefaults()
	limits, began := r.Projection.Limits, time.Now()
	r.record = Record{
		Run:        r.Owner.Run,
		Projection: r.Projection.Name,
		Alias:      r.Projection.Alias,
		Started:    began.UTC(),
		Resumable:  r.Live != nil && r.Live.Resume, // until more is known of it
	}
	r.candidate = &generation.Candidate{Target: r.Target, Alias: r.Projection.Alias, Observer: observer}
	r.accounts = &accounts{limits: limits, letters: r.Letters, book: ledger.NewBook(limits.Rejections, r.Letters)}
	r.pacing = &pacing{
		rebuild: &r.Rebuild, candidate: r.candidate, observer: observer, background: r.background,
		limiter: pace.NewLimiter(limits.Rate),
	}
	r.changes = &changes{rebuild: &r.Rebuild, record: &r.record, candidate: r.candidate, observer: observer, background: r.background}
	r.durability = &durability{
		level: r.Projection.Verify.EffectiveLevel(), record: &r.record, candidate: r.candidate,
		book: r.accounts.book, changes: r.changes, observer: observer,
	}
	r.logbook = &logbook{began: began, record: &r.record, accounts: r.accounts}
	r.gate = newGate(&r.Rebuild, &r.record, r.candidate, observer)
	r.cutover = &cutover{
		rebuild: &r.Rebuild, candidate: r.candidate, gate: r.gate, changes: r.changes, accounts: r.accounts, observer: observer,
	}
	r.adoption = &adoption{run: r}
	return r
}

// phases does the steps with the tasks beside them, and cleans up. A server that goes away
// when the steps are done takes nothing from it.
func (r *run) phases(ctx context.Context, lease sinks.Lease) error {
	r.lease, r.cutover.lease = lease, lease
	done, err := r.background.during(ctx, r.steps)
	if server := outage.Server(r.Source, r.Target, err); done && server != "" {
		r.observer.Notice(fmt.Sprintf("the %s went away when all was done: %v", server, err))
		err = nil
	}
	return r.cleanUp(ctx, err)
}

// step is one phase of a run.
type step struct {
	phase report.Phase
	do    func(context.Context) error
}

// steps is a rebuild from end to end.
func (r *run) steps(ctx context.Context) error {
	adopts, err := r.adoption.prepare()
	if err != nil {
		return err
	}
	if adopts {
		return r.inOrder(ctx, r.adoption.steps())
	}
	return r.inOrder(ctx, []step{
		{report.PhasePlan, r.plan},
		{report.PhaseCreate, r.create},
		{report.PhaseCapture, r.capture},
		{report.PhaseLoad, r.load},
		{report.PhaseCatchUp, r.catchUp},
		{report.PhaseSeal, r.cutover.untilSwapped(r.seal)},
		{report.PhaseVerify, r.cutover.untilSwapped(r.verify)},
		{report.PhaseSwap, r.cutover.swap},
	})
}

// inOrder does one step after the other.
func (r *run) inOrder(ctx context.Context, all []step) error {
	for _, step := range all {
		if err := r.timed(ctx, step.phase, step.do); err != nil {
			return err
		}
	}
	return nil
}

// timed runs one phase, tells the observer, and keeps its time.
func (r *run) timed(ctx context.Context, phase report.Phase, do func(context.Context) error) error {
	start := time.Now()
	r.observer.Start(phase)
	err := do(ctx)
	took := time.Since(start)
	r.record.Phases = append(r.record.Phases, report.PhaseTime{Phase: phase, Seconds: took.Seconds()})
	r.observer.End(phase, took, err)
	if err == nil {
		err = r.logbook.remember()
	}
	if err != nil {
		return fmt.Errorf("%s: %w", phase, err)
	}
	return nil
}

// cleanUp gives back what the run holds on the source, and writes the reason of a failure
// into the generation, so that nothing half-done stays without a record.
func (r *run) cleanUp(ctx context.Context, err error) error {
	shutOut := shutOut(ctx, err)
	ctx, cancel := wait.ToCleanUp(ctx)
	defer cancel()
	err = r.explainGap(err)
	if r.accounts.view != nil {
		err = errors.Join(err, r.accounts.view.Close(ctx))
	}
	err = errors.Join(err, r.logbook.recordAttemptEnd(r.statusOf(err), err))
	if r.record.Resumable = r.canResume(err); !r.record.Resumable {
		err = errors.Join(err, r.logbook.markFinished(r.statusOf(err), err))
		crashpoint.At("end recorded")
	}
	err = errors.Join(err, r.changes.release(ctx, err))
	crashpoint.At("capture released")
	c := r.candidate
	if err != nil && c.Index != nil && outage.Server(r.Source, r.Target, err) == "" {
		_ = generation.EndWriter(ctx, c.Index) // where it fails, who takes the lease next does so
	}
	if err == nil || shutOut || c.Index == nil || c.Meta.State == sinks.Verified || c.Meta.State == sinks.Live || r.adoption.refused {
		return err // a verified generation that was not swapped is as good as before
	}
	c.Meta.Reason = err.Error()
	state := sinks.Failed
	if r.record.Resumable {
		state = c.Meta.State
	}
	if noteErr := c.Note(ctx, state); noteErr != nil {
		return errors.Join(err, fmt.Errorf("record the failure in %s: %w", c.Name, noteErr))
	}
	if state == sinks.Failed {
		c.RestoreSettings(ctx)
	}
	return err
}

// shutOut reports whether another process has taken over. What the generation says of itself is
// its business then.
func shutOut(ctx context.Context, err error) bool {
	var fenced *sinks.Fenced
	var held *sinks.Held
	return errors.As(err, &fenced) || errors.As(err, &held) || errors.As(context.Cause(ctx), &held)
}

// finish closes the dead letters, whose failure is one of the run: they are all that is left
// of a document; and completes the record.
func (r *run) finish(err error) (Record, error) {
	written, dropped, lettersErr := r.Letters.Close()
	if written > 0 {
		r.record.DeadLetters = r.Letters.Path()
	}
	if dropped > 0 {
		r.observer.Notice(fmt.Sprintf("%d dead letters are not in %s, which is bounded: it has the first %d", dropped, r.Letters.Path(), written))
	}
	err = errors.Join(err, lettersErr)
	if err != nil && r.candidate.ServedEarly {
		err = fmt.Errorf("%w\n    alias %s goes on serving %s, which is partial: searches may miss documents or find wrong ones, and writes through the alias are refused; "+
			"the next humpty rebuild %s replaces it", err, r.Projection.Alias, r.record.Generation, r.Projection.Name)
	}
	r.accounts.endPass("afterwards")
	reason := ""
	if err != nil {
		reason = err.Error()
	}
	status, journal := r.statusOf(err), r.logbook.journal
	rec := r.record
	rec.Attempts = journal.Attempts(r.logbook.progress(), status, reason)
	for _, a := range rec.Attempts {
		rec.Redone += a.Redone
	}
	rec.Passes = r.accounts.passes
	rec.Pace = r.pacing.all()
	rec.Seconds = time.Since(r.logbook.began).Seconds()
	rec.Checkpoints += journal.Spent().Seconds()
	rec.Ledger, _ = r.accounts.book.Totals()
	rec.Rejections, rec.Refused = r.accounts.book.Refusals().First(ledger.RejectionsShown), r.accounts.book.Refusals().Len()
	rec.Notices = r.observer.Notices()
	rec.Status = status
	rec.Partial = r.candidate.ServedEarly
	rec.Reason = reason
	return rec, err
}

func (r *Rebuild) statusOf(err error) report.Status {
	var refusal *problem.Refusal
	switch {
	case err == nil && r.NoSwap:
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
