package projector

import (
	"context"
	"errors"
	"fmt"

	"humpty/internal/problem"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
)

// durability asks whether the target has kept what it confirmed, and has what it lost written
// again.
type durability struct {
	level     verify.Level // of the verification before the swap
	record    *Record
	candidate *generation.Candidate
	book      *ledger.Book
	changes   *changes
	observer  *report.Observer
}

// suspect reports whether the target may have undone writes that it had confirmed: a node
// that dies forgets what its log (written behind, while a generation loads) did not hold.
func (d *durability) suspect() bool {
	for _, o := range d.record.Outages {
		if o.Server == "target" {
			return true
		}
	}
	sum, _ := d.book.Totals()
	return d.candidate.Meta.SuspectLoss || sum.Retries > sum.Throttled // some request had no answer
}

// resolvable says whether the verification will find what was lost.
func (d *durability) resolvable(err error) bool {
	var loss *sinks.ErrWritesLost
	return errors.As(err, &loss) && d.changes.capture != nil && d.level == verify.Full
}

// check asks, at the end of what writes, whether the target has lost what it had confirmed.
// Where every document is compared before the swap that is noted, and else the run is over.
func (d *durability) check(ctx context.Context) error {
	checker, ok := d.candidate.Index.(sinks.DurabilityChecker)
	if !ok || d.candidate.Meta.SuspectLoss {
		return nil
	}
	err := checker.CheckDurability(ctx)
	if !d.resolvable(err) {
		return err
	}
	d.candidate.Meta.SuspectLoss = true
	d.observer.Notice(fmt.Sprintf("%v; every document is compared before the swap, and what was lost is written again", problem.FirstLine(err)))
	return d.candidate.Note(ctx, d.candidate.Meta.State)
}

// compare compares, and where the target may have undone writes, or the source does not
// tell of all changes, does again what differs and compares once more.
func (d *durability) compare(ctx context.Context, check verify.Check) (verify.Report, error) {
	if d.changes.capture == nil || d.changes.rounds.HandedOver() || !d.suspect() && d.record.Limits == "" {
		return check.Run(ctx)
	}
	first := check
	lost := d.changes.rounds.Reread(ctx)
	first.Each = func(diff verify.Difference) error {
		if diff.Kind != verify.Rejected {
			lost.Add([]byte(diff.ID), nil)
		}
		return lost.Failed()
	}
	result, err := first.Run(ctx)
	var again report.Round
	if _, waitErr := lost.Wait(&again); waitErr != nil {
		return result, waitErr
	}
	if err == nil && d.candidate.Meta.SuspectLoss && !result.Everything() {
		return result, fmt.Errorf("%w: only a comparison of every document can tell, and it was not made: %s", &sinks.ErrWritesLost{}, result.Why)
	}
	if err != nil || again.Reread == 0 {
		return result, err
	}
	if !d.suspect() {
		d.observer.Notice(fmt.Sprintf("%d documents were not as the source has them, by changes that its column does not tell of: they were read and written again", again.Reread))
		return check.Run(ctx)
	}
	d.record.Undone += again.Reread
	d.observer.Notice(fmt.Sprintf("%d documents were not as they had been written: the target had undone writes when it went away. They were read and written again", again.Reread))
	return check.Run(ctx)
}
