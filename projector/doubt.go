package projector

import (
	"context"
	"errors"
	"fmt"

	"humpty/internal/problem"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
)

// inDoubt reports whether the target may have undone writes that it had confirmed: a node
// that dies forgets what its log (written behind, while a generation loads) did not hold.
func (n *run) inDoubt() bool {
	for _, o := range n.record.Outages {
		if o.Server == "target" {
			return true
		}
	}
	sum, _ := n.ledger.Totals()
	return n.candidate.Meta.SuspectLoss || sum.Retries > sum.Throttled // some request had no answer
}

// canResolve says whether the verification will find what a doubt is about.
func (n *run) canResolve(err error) bool {
	var doubt *sinks.ErrWritesLost
	return errors.As(err, &doubt) && n.capture != nil && n.Projection.Verify.EffectiveLevel() == verify.Full
}

// intact asks, at the end of what writes, whether the target has lost what it had confirmed.
// Where every document is compared before the swap that is noted, and else the run is over.
func (n *run) intact(ctx context.Context) error {
	w, ok := n.candidate.Index.(sinks.DurabilityChecker)
	if !ok || n.candidate.Meta.SuspectLoss {
		return nil
	}
	err := w.CheckDurability(ctx)
	if !n.canResolve(err) {
		return err
	}
	n.candidate.Meta.SuspectLoss = true
	n.observer.Notice(fmt.Sprintf("%v; every document is compared before the swap, and what was lost is written again", problem.FirstLine(err)))
	return n.candidate.Note(ctx, n.candidate.Meta.State)
}

// examined compares, and where the target may have undone writes, or the source does not
// tell of all changes, does again what differs and compares once more.
func (n *run) examined(ctx context.Context, check verify.Check) (verify.Report, error) {
	if n.capture == nil || n.rounds.HandedOver() || !n.inDoubt() && n.record.Limits == "" {
		return check.Run(ctx)
	}
	first := check
	lost := n.rounds.Reread(ctx)
	first.Each = func(d verify.Difference) error {
		if d.Kind != verify.Rejected {
			lost.Add([]byte(d.ID), nil)
		}
		return lost.Failed()
	}
	result, err := first.Run(ctx)
	var again report.Round
	if _, waitErr := lost.Wait(&again); waitErr != nil {
		return result, waitErr
	}
	if err == nil && n.candidate.Meta.SuspectLoss && result.Level != string(verify.Full) {
		return result, fmt.Errorf("%w: only a comparison of every document can tell, and it was not made: %s", &sinks.ErrWritesLost{}, result.Why)
	}
	if err != nil || again.Reread == 0 {
		return result, err
	}
	if !n.inDoubt() {
		n.observer.Notice(fmt.Sprintf("%d documents were not as the source has them, by changes that its column does not tell of: they were read and written again", again.Reread))
		return check.Run(ctx)
	}
	n.record.Undone += again.Reread
	n.observer.Notice(fmt.Sprintf("%d documents were not as they had been written: the target had undone writes when it went away. They were read and written again", again.Reread))
	return check.Run(ctx)
}
