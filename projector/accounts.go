package projector

import (
	"humpty/internal/deadletter"
	"humpty/projector/checkpoint"
	"humpty/projector/ledger"
	"humpty/sources"
)

// accounts say where everything ended that a run read and wrote: in all, by partition and by
// pass. What earlier processes of the run booked is in them.
type accounts struct {
	limits     Limits
	letters    *deadletter.Writer
	book       *ledger.Book
	partitions *ledger.Partitions
	planned    []sources.Partition
	view       sources.View // that is read; nil before the load
	passes     []ledger.Pass
	earlier    int64 // documents that earlier processes produced

	loadComplete   bool
	loadLedger     ledger.Ledger      // when the load was over
	loadRejections []ledger.Rejection // the same
}

// endPass ends a pass: what was booked since the one before is its part. Only a load is worth
// telling of where it wrote nothing.
func (a *accounts) endPass(name string) {
	if p := a.nextPass(name); p.Produced > 0 || name == "load" {
		a.passes = ledger.AppendPass(a.passes, p)
	}
}

// nextPass is what was booked since the last pass.
func (a *accounts) nextPass(name string) ledger.Pass {
	sum, _ := a.book.Totals()
	return ledger.NextPass(name, sum, a.passes)
}

// addEarlier books what earlier processes of the run loaded.
func (a *accounts) addEarlier(done map[string]checkpoint.PartitionDone) {
	for _, part := range done {
		a.book.AddEarlier(part.Ledger, part.Rejections)
		a.earlier += part.Ledger.Produced
	}
}

// endLoad is called when the load is over: what earlier processes did behind it is booked now.
func (a *accounts) endLoad(j *checkpoint.Journal, kept *checkpoint.Refusals) error {
	if j == nil {
		return nil
	}
	a.loadLedger, a.loadRejections = a.book.Totals()
	sum, rejections, passes := j.AfterLoad()
	a.book.AddEarlier(sum, rejections)
	a.passes = append(a.passes, passes...)
	a.loadComplete = true
	refused, complete, err := kept.Load()
	if err == nil && !complete { // no process was here before
		return kept.KeepAll(a.book.Refusals())
	}
	a.book.Refusals().Load(refused)
	return err
}

// afterLoad puts into the progress what was booked behind the load.
func (a *accounts) afterLoad(p *checkpoint.Progress) {
	if !a.loadComplete {
		return
	}
	sum, rejections := a.book.Totals()
	p.LoadComplete = true
	p.AfterLoad, p.Rejections = sum.Sub(a.loadLedger).Decided(), rejections[min(len(rejections), len(a.loadRejections)):]
	pass := a.nextPass("afterwards")
	pass.Produced = pass.Written + pass.Superseded + pass.Deleted + pass.Rejected
	p.Passes = ledger.AppendPass(a.passes, pass)[1:] // the first is the load's: its partitions know it
}

// poison is how many events could not be read or applied.
func (a *accounts) poison() int64 {
	sum, _ := a.book.Totals()
	return max(sum.Inputs.Poison, ledger.Poisoned(a.view))
}

// gate holds what was read and written against the limits.
func (a *accounts) gate() error {
	sum, _ := a.book.Totals()
	if a.book.Refusals().Len() > a.limits.Rejections {
		return a.book.TooMany(a.limits.Rejections)
	}
	if poison, limit := a.poison(), a.limits.Poison; poison > limit {
		return &ledger.TooMuchPoison{Poison: poison, Limit: limit}
	}
	if err := a.partitions.Check(a.planned); err != nil {
		return err
	}
	if err := ledger.CheckOffsets(a.view); err != nil {
		return err
	}
	if !sum.Balances() {
		return &ledger.Unbalanced{Ledger: sum}
	}
	return a.letters.Err()
}
