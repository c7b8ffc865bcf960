package projector

import (
	"context"

	"humpty/projector/catchup"
	"humpty/projector/pace"
)

// brakeCatchUp watches from the first round to the end of the run: marks are caught up with
// in the verification, before the swap and behind it too.
func (n *run) brakeCatchUp(rounds *catchup.Rounds) {
	controller := pace.NewCatchUp(catchup.Workers, n.candidate.Index)
	rounds.Writer.Throttle.Pace = controller
	if b := pace.NewBrake(n.Target, n.Projection.Limits.Brake, controller, n.rate, func(string) {}); b != nil { // the load has said what there is to say
		n.background(func(ctx context.Context) error { b.Watch(ctx); return nil })
	}
}

// pace is how the run found its pace, in all phases.
func (n *run) pace() []pace.Decision {
	if n.rounds == nil || n.rounds.Writer.Throttle.Pace == nil {
		return n.record.Pace
	}
	return append(n.record.Pace, n.rounds.Writer.Throttle.Pace.Decisions()...)
}
