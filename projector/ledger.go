package projector

import (
	"slices"
	"sync"

	"humpty/internal/deadletter"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// rejectionsShown is how many rejections an error and a record carry.
const rejectionsShown = 10

// ledger counts where everything ends. It is shared by all readers and writers of a run.
type ledger struct {
	keep    int64              // rejections to keep with their ids
	letters *deadletter.Writer // where their bodies go; nil: nowhere, or the whole ledger does it
	index   string             // that they were for

	mu         sync.Mutex
	sum        Ledger
	rejections []Rejection
}

// Balances reports whether every record read and every document produced is accounted for.
func (l Ledger) Balances() bool {
	return l.Inputs.Balanced() && l.Inputs.Used == l.Produced &&
		l.Produced == l.Written+l.Superseded+l.Deleted+l.Rejected
}

// input books what a reader met.
func (l *ledger) input(c sources.Counts) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Inputs.Add(c)
}

// output books the verdicts of one write and returns the sums so far.
// Undecided documents are produced but end nowhere, so the ledger shows them.
func (l *ledger) output(docs []sinks.Document, verdicts []sinks.Verdict, receipt sinks.Receipt) Ledger {
	l.mu.Lock()
	defer l.mu.Unlock()
	for i, v := range verdicts {
		l.sum.Produced++
		l.sum.Bytes += int64(len(docs[i].Body))
		switch v.Outcome {
		case sinks.Written:
			l.sum.Written++
		case sinks.Superseded:
			l.sum.Superseded++
		case sinks.Deleted:
			l.sum.Deleted++
		case sinks.Rejected:
			l.reject(Rejection{ID: string(docs[i].ID), Type: v.Type, Reason: v.Reason})
			_ = l.letters.Put(letterOf(l.index, docs[i], v.Type, v.Reason)) // its error stays, and the gate asks for it
		}
	}
	l.sum.Sent += receipt.Bytes
	l.sum.Retries += int64(receipt.Retries)
	l.sum.Throttled += int64(receipt.Throttled)
	return l.sum
}

// refused books the documents that their source could not make.
func (l *ledger) refused(records []sources.Record) {
	for i := range records {
		if r := &records[i]; r.Reject != "" {
			l.mu.Lock()
			l.sum.Produced++
			l.reject(Rejection{ID: string(r.Key), Type: rejectedBySource, Reason: r.Reject})
			_ = l.letters.Put(letterOf(l.index, sinks.Document{ID: r.Key, Routing: r.Routing}, rejectedBySource, r.Reject))
			l.mu.Unlock()
		}
	}
}

// pass ends a pass: what was booked since the one before is its part. Only a load is worth
// telling of where it wrote nothing.
func (n *run) pass(name string) {
	if p := n.since(name); p.Produced > 0 || name == "load" {
		n.record.Passes = withPass(n.record.Passes, p)
	}
}

// since is what was booked since the last pass.
func (n *run) since(name string) report.Pass {
	sum, _ := n.ledger.state()
	p := report.Pass{Pass: name, Produced: sum.Produced, Written: sum.Written, Superseded: sum.Superseded, Deleted: sum.Deleted, Rejected: sum.Rejected}
	for _, before := range n.record.Passes {
		p.Produced -= before.Produced
		p.Written -= before.Written
		p.Superseded -= before.Superseded
		p.Deleted -= before.Deleted
		p.Rejected -= before.Rejected
	}
	return p
}

// withPass appends a pass, or adds it to the last one of its name, by another process.
func withPass(all []report.Pass, p report.Pass) []report.Pass {
	all = slices.Clone(all)
	last := len(all) - 1
	switch {
	case last >= 0 && all[last].Pass == p.Pass:
		all[last].Produced += p.Produced
		all[last].Written += p.Written
		all[last].Superseded += p.Superseded
		all[last].Deleted += p.Deleted
		all[last].Rejected += p.Rejected
	case p.Produced > 0 || p.Pass == "load":
		all = append(all, p)
	}
	return all
}

// inputs are what was met in each partition. Those that are read from a fold are its own:
// the view knows the log's.
func inputs(done map[string]Ledger, view sources.View) map[string]sources.Counts {
	if traced, ok := view.(sources.PartitionCounter); ok {
		return traced.PartitionCounts()
	}
	all := map[string]sources.Counts{}
	for id, l := range done {
		all[id] = l.Inputs
	}
	return all
}

// add books what was booked before, by a process that ended.
func (l *ledger) add(s portionDone) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sum.Inputs.Add(s.Ledger.Inputs)
	l.sum.Produced += s.Ledger.Produced
	l.sum.Written += s.Ledger.Written
	l.sum.Superseded += s.Ledger.Superseded
	l.sum.Deleted += s.Ledger.Deleted
	l.sum.Bytes += s.Ledger.Bytes
	l.sum.Sent += s.Ledger.Sent
	l.sum.Retries += s.Ledger.Retries
	l.sum.Throttled += s.Ledger.Throttled
	l.sum.Rejected += s.Ledger.Rejected - int64(len(s.Rejections))
	for _, r := range s.Rejections {
		l.reject(r)
	}
}

func (l *ledger) reject(r Rejection) {
	l.sum.Rejected++
	if int64(len(l.rejections)) < l.keep {
		l.rejections = append(l.rejections, r)
	}
}

func (l *ledger) state() (Ledger, []Rejection) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.sum, slices.Clone(l.rejections)
}

// rejectedIDs returns the ids that are known not to be in the index. It is complete only
// while the rejections are within the limit; beyond it the run has ended.
func (l *ledger) rejectedIDs() map[string]bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	ids := make(map[string]bool, len(l.rejections))
	for _, r := range l.rejections {
		ids[r.ID] = true
	}
	return ids
}
