package projector

import (
	"fmt"
	"maps"
	"sync"

	"humpty/internal/crashpoint"
	"humpty/sources"
)

// shares follow each partition from the start of its reading to the verdict on the last
// document it gave; then it is done for good, and a run that goes on leaves it out. They
// are the ledger by partition: a batch that is lost on its way leaves its partition open.
// The nil shares follow nothing.
type shares struct {
	journal *journal // where what is done is written down; nil: nowhere
	keep    int64    // rejections

	mu   sync.Mutex
	open map[string]*tally
	done map[string]Ledger
}

type tally struct {
	ledger ledger
	held   int // by its readers and by batches that have no verdicts yet
}

func newShares(j *journal, keep int64) *shares {
	s := &shares{journal: j, keep: keep, open: map[string]*tally{}, done: map[string]Ledger{}}
	if j != nil {
		for partition, portion := range j.done {
			s.done[partition] = portion.Ledger
		}
	}
	return s
}

// hold is called for each reader of a partition that begins, and for each batch that
// leaves one.
func (s *shares) hold(partition string) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[partition] == nil {
		s.open[partition] = &tally{ledger: ledger{keep: s.keep}}
	}
	s.open[partition].held++
}

// of is the partition's part of the ledger, nil if nobody asks for it.
func (s *shares) of(partition string) *ledger {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return &s.open[partition].ledger
}

// free is called when a reader has met the end, or a batch has its verdicts; never after
// an error. The last one writes down that the partition is done.
func (s *shares) free(partition string) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	of := s.open[partition]
	of.held--
	done := of.held == 0
	sum, rejections := of.ledger.state()
	if done {
		delete(s.open, partition)
		s.done[partition] = sum
	}
	s.mu.Unlock()
	if !done || s.journal == nil {
		return nil
	}
	crashpoint.At("partition written")
	err := s.journal.finished(partition, portionDone{Ledger: sum, Rejections: rejections})
	crashpoint.At("partition recorded")
	return err
}

// sums is the ledger of each partition that is done.
func (s *shares) sums() map[string]Ledger {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return maps.Clone(s.done)
}

// check is an error unless each partition was read to its end, everything that it gave has
// its verdict, and its ledger balances.
func (s *shares) check(planned []sources.Partition) error {
	if s == nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, p := range planned {
		l, ok := s.done[p.ID]
		switch left := s.open[p.ID]; {
		case ok && l.Balances():
		case ok:
			return &Unbalanced{Ledger: l, Partition: p.ID, Why: "what was read there is not what was written or refused"}
		case left == nil:
			return &Unbalanced{Partition: p.ID, Why: "it was never read"}
		default:
			sum, _ := left.ledger.state()
			return &Unbalanced{Ledger: sum, Partition: p.ID, Why: fmt.Sprintf("%d of its readers and batches never came to an end", left.held)}
		}
	}
	return nil
}

// undone are the partitions that are still to be read.
func (j *journal) undone(all []sources.Partition) []sources.Partition {
	if j == nil || len(j.done) == 0 {
		return all
	}
	var rest []sources.Partition
	for _, p := range all {
		if _, ok := j.done[p.ID]; !ok {
			rest = append(rest, p)
		}
	}
	return rest
}
