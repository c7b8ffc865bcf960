package projector

import (
	"context"
	"errors"
	"time"

	"humpty/internal/deadletter"
	"humpty/projector/generation"
	"humpty/projector/lease"
	"humpty/projector/outage"
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
// *Refusal, *TooManyRejections, *TooMuchPoison, *Differs, *Unbalanced, *Outage; anything else is a failure of a
// source, of the target, or the end of ctx. In all of these the alias is as it was.
func (r *Rebuild) Run(ctx context.Context) (Record, error) {
	l := &lives{run: newRun(r, report.NewRunObserver(r.Observe)), most: outage.Limit(r.MaxOutage)}
	h := lease.Hold{
		Target: r.Target, Owner: r.Owner, Patience: l.most, Activity: l.observer.Activity,
		Before: func(ctx context.Context) error { return generation.UnblockOrphaned(ctx, r.Target) },
	}
	err := h.Do(ctx, l.live)
	err = l.run.leftPartial(errors.Join(err, l.run.closeLetters()))
	return l.run.finish(err), err
}

// phases does the steps with what goes on beside them, and cleans up.
func (n *run) phases(ctx context.Context, lease sinks.Lease) error {
	n.fence = lease.Fence
	err := n.alongside(ctx, n.steps)
	return n.leave(ctx, err)
}

// steps is a rebuild from end to end.
func (n *run) steps(ctx context.Context) error {
	for _, step := range []struct {
		phase report.Phase
		do    func(context.Context) error
	}{
		{report.PhasePlan, n.plan},
		{report.PhaseCreate, n.create},
		{report.PhaseCapture, n.follow},
		{report.PhaseLoad, n.load},
		{report.PhaseCatchUp, n.catchUp},
		{report.PhaseSeal, n.untilSwapped(n.seal)},
		{report.PhaseVerify, n.untilSwapped(n.verify)},
		{report.PhaseSwap, n.swap},
	} {
		if err := n.timed(ctx, step.phase, step.do); err != nil {
			return err
		}
	}
	return nil
}
