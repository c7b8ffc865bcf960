package projector

import (
	"context"
	"fmt"
	"slices"
	"time"

	"humpty/projector/checkpoint"
	"humpty/projector/ledger"
)

// attempt takes over what earlier processes of the run have written down.
func (n *run) attempt() {
	h := n.journal.StartAttempt(n.began, n.again)
	if h == nil {
		return
	}
	n.record.Rounds = slices.Clone(h.Rounds)
	n.record.Outages = slices.Clone(h.Outages)
	n.record.Undone = h.Undone
	n.record.Checkpoints = h.Checkpoints
}

// loaded is called when the load is over: what earlier processes did behind it is booked now.
func (n *run) loaded() {
	if n.journal == nil {
		return
	}
	n.loadLedger, n.loadRejections = n.ledger.Totals()
	sum, rejections, passes := n.journal.AfterLoad()
	n.ledger.AddEarlier(sum, rejections)
	n.record.Passes = append(n.record.Passes, passes...)
	n.loadComplete = true
}

// progress is what this process has of the run so far.
func (n *run) progress() checkpoint.Progress {
	p := checkpoint.Progress{
		Phases: n.record.Phases, Seconds: time.Since(n.began).Seconds(),
		Rounds: n.record.Rounds, Outages: n.record.Outages, Undone: n.record.Undone, Checkpoints: n.record.Checkpoints,
		LoadComplete: n.loadComplete,
	}
	if n.loadComplete {
		sum, rejections := n.ledger.Totals()
		p.AfterLoad, p.Rejections = sum.Sub(n.loadLedger).Decided(), rejections[min(len(rejections), len(n.loadRejections)):]
		pass := n.since("afterwards")
		pass.Produced = pass.Written + pass.Superseded + pass.Deleted + pass.Rejected
		p.Passes = ledger.AppendPass(n.record.Passes, pass)[1:] // the first is the load's: its partitions know it
	}
	return p
}

// remember writes down what was done so far.
func (n *run) remember() error { return n.journal.Remember(n.progress()) }

// recount finds how many documents of partitions that are not done are in the index already:
// they are read and written again.
func (n *run) recount(ctx context.Context) error {
	if n.Live == nil || !n.Live.Resume || !n.journal.Resumes(n.input.Partitions) {
		return nil
	}
	there, err := n.candidate.Index.Count(ctx)
	if err != nil {
		return fmt.Errorf("count index %s: %w", n.record.Generation, err)
	}
	n.journal.Redo(there)
	return nil
}
