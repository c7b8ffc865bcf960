package projector

import (
	"context"

	"humpty/projector/catchup"
	"humpty/projector/generation"
	"humpty/projector/pace"
	"humpty/projector/report"
)

// pacing is how fast a run writes: the load at first, then everything that catches up.
type pacing struct {
	rebuild    *Rebuild
	candidate  *generation.Candidate
	observer   *report.Observer
	background *background

	limiter   *pace.Limiter
	lastPace  pace.Setting    // to which the load came before an outage; zero: not known
	decisions []pace.Decision // of phases that are over
	catchUp   *pace.Controller
}

// load does the load's work at its pace, with the brake beside it.
func (p *pacing) load(ctx context.Context, work func(context.Context, *pace.Controller) error) error {
	limits := p.rebuild.Projection.Limits
	controller := pace.NewLoad(p.lastPace, limits.Writers, limits.Batch, p.candidate.Index)
	brake := pace.NewBrake(p.rebuild.Target, limits.Brake, controller, p.limiter, p.observer.Notice)
	err := brake.During(ctx, func(ctx context.Context) error { return work(ctx, controller) })
	p.decisions = append(p.decisions, controller.Decisions()...)
	p.lastPace = controller.Setting()
	return err
}

// startCatchUp brakes from the first round to the end of the run: changes are caught up with
// in the verification, before the swap and behind it too.
func (p *pacing) startCatchUp() *pace.Controller {
	p.catchUp = pace.NewCatchUp(catchup.Workers, p.candidate.Index)
	brake := pace.NewBrake(p.rebuild.Target, p.rebuild.Projection.Limits.Brake, p.catchUp, p.limiter, func(string) {}) // the load has said what there is to say
	if brake != nil {
		p.background.start(func(ctx context.Context) error { brake.Watch(ctx); return nil })
	}
	return p.catchUp
}

// all is how the run found its pace, in all phases.
func (p *pacing) all() []pace.Decision {
	if p.catchUp == nil {
		return p.decisions
	}
	return append(p.decisions, p.catchUp.Decisions()...)
}
