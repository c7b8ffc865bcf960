package projector

import (
	"sync"

	"humpty/sources"
)

// shares follow each partition from the start of its reading to the verdict on the last
// document it gave; then it is done for good, and a run that goes on leaves it out. The
// nil shares follow nothing.
type shares struct {
	journal *journal
	keep    int64 // rejections

	mu   sync.Mutex
	open map[string]*tally
}

type tally struct {
	ledger ledger
	held   int // by its readers and by batches that have no verdicts yet
}

func newShares(j *journal, keep int64) *shares {
	if j == nil {
		return nil
	}
	return &shares{journal: j, keep: keep, open: map[string]*tally{}}
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
	if done {
		delete(s.open, partition)
	}
	s.mu.Unlock()
	if !done {
		return nil
	}
	sum, rejections := of.ledger.state()
	return s.journal.finished(partition, portionDone{Ledger: sum, Rejections: rejections})
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
