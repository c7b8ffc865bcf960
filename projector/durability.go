package projector

import (
	"context"
	"errors"
	"fmt"

	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector/checkpoint"
	"humpty/projector/flush"
	"humpty/projector/generation"
	"humpty/projector/ledger"
	"humpty/projector/report"
	"humpty/projector/verify"
	"humpty/sinks"
	"humpty/sources"
)

// durability asks whether the target has kept what it confirmed, and the source what it showed,
// and has what one of them lost written again.
type durability struct {
	level     verify.Level // of the verification before the swap
	record    *Record
	candidate *generation.Candidate
	book      *ledger.Book
	changes   *changes
	observer  *report.Observer

	sourceLost bool // the source crashed while partitions were read: it may have taken rows back that are in the index
}

// watchSource finds out whether the source has crashed since the run began. If partitions had been
// begun then, to read them again is not enough: rows that were taken back are found by a
// comparison only.
func (d *durability) watchSource(ctx context.Context, journal *checkpoint.Journal, begun bool) error {
	crash, err := d.changes.flush.LastCrash(ctx)
	if err == nil {
		d.sourceLost, err = journal.RecordCrash(crash, begun)
	}
	if err == nil && d.sourceLost {
		d.observer.Notice("the source crashed while it was read: every document is compared before the swap, and what the source took back is written again")
	}
	return err
}

// watchSnapshot has the run of a snapshot remember up to where the source must have its log on
// the disk.
func (d *durability) watchSnapshot(ctx context.Context, view sources.View) error {
	c := d.changes
	if c.capture != nil {
		return nil
	}
	c.flush = flush.NewQueue(view)
	if err := c.flush.Add(func() error { return nil }); err != nil {
		return err
	}
	return c.flush.Check(ctx)
}

// recordDone has partitions written down as done that wait for the source's disk, when a load ends
// before its end. If that cannot be, they are read again.
func (d *durability) recordDone(ctx context.Context) {
	if d.changes.capture == nil {
		return
	}
	ctx, cancel := wait.ToCleanUp(ctx)
	defer cancel()
	_ = d.changes.flush.Now(ctx) // why the load ended says more
}

// recordFound writes down that everything was compared, when the source cannot take back any more
// what did not differ: that is not read again.
func (d *durability) recordFound(ctx context.Context, journal *checkpoint.Journal, found sinks.Verification) error {
	if err := d.changes.flush.Confirm(ctx); err != nil {
		return err
	}
	return journal.RecordFound(found)
}

// confirm is nil when a crash of the source cannot take back any more what was read.
func (d *durability) confirm(ctx context.Context) error {
	if err := d.changes.flush.Now(ctx); err != nil {
		return fmt.Errorf("the source may take back what was read: %w", err)
	}
	return nil
}

// suspect reports whether the index may not hold what the source has: the target may have
// undone writes that it had confirmed, since a node that dies forgets what its log (written
// behind, while a generation loads) did not hold, or the source what it had shown.
func (d *durability) suspect() bool {
	for _, o := range d.record.Outages {
		if o.Server == "target" {
			return true
		}
	}
	sum, _ := d.book.Totals()
	return d.sourceLost || d.candidate.Meta.SuspectLoss || sum.Retries > sum.Throttled // some request had no answer
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
	if d.sourceLost {
		first.Level, first.Budget = verify.Full, 0
	}
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
	why := "the target had undone writes when it went away"
	if d.sourceLost {
		why = "the source had taken back what it had shown when it crashed"
	}
	d.observer.Notice(fmt.Sprintf("%d documents were not as they had been written: %s. They were read and written again", again.Reread, why))
	return check.Run(ctx)
}
