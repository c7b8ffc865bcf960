package ledger

import (
	"fmt"
	"maps"
	"sync"

	"humpty/internal/crashpoint"
	"humpty/sources"
)

// Partitions follow each partition from the start of its reading to the verdict on the last
// document it gave; then it is done for good, and a run that goes on leaves it out. They
// are the ledger by partition: a batch that is lost on its way leaves its partition open.
// The nil Partitions follow nothing.
type Partitions struct {
	onDone OnDone // nil: nothing writes down that one is done
	keep   int64  // rejections

	mu   sync.Mutex
	open map[string]*entry
	done map[string]Ledger
}

// OnDone writes down that a partition is done, with its part of the ledger.
type OnDone func(partition string, sum Ledger, rejections []Rejection) error

// Inputs are what was met in each partition. Those that are read from a fold are its own:
// the view knows the log's.
func (p *Partitions) Inputs(view sources.View) map[string]sources.Counts {
	if traced, ok := view.(sources.PartitionCounter); ok {
		return traced.PartitionCounts()
	}
	all := map[string]sources.Counts{}
	for id, l := range p.Sums() {
		all[id] = l.Inputs
	}
	return all
}

// entry is a partition that is being read.
type entry struct {
	book    Book
	holders int // by its readers and by batches that have no verdicts yet
}

// NewPartitions follows partitions, but for those that are done. Each keeps rejections as the
// whole ledger does, and onDone, if not nil, is told of its end.
func NewPartitions(limit int64, done map[string]Ledger, onDone OnDone) *Partitions {
	p := &Partitions{onDone: onDone, keep: max(limit, RejectionsShown), open: map[string]*entry{}, done: map[string]Ledger{}}
	maps.Copy(p.done, done)
	return p
}

// Acquire is called for each reader of a partition that begins, and for each batch that
// leaves one.
func (p *Partitions) Acquire(partition string) {
	if p == nil {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.open[partition] == nil {
		p.open[partition] = &entry{book: Book{keep: p.keep}}
	}
	p.open[partition].holders++
}

// Book is the partition's part of the ledger, nil if nobody asks for it.
func (p *Partitions) Book(partition string) *Book {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return &p.open[partition].book
}

// Done is called when a reader has met the end, or a batch has its verdicts; never after
// an error. The last one writes down that the partition is done.
func (p *Partitions) Done(partition string) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	of := p.open[partition]
	of.holders--
	done := of.holders == 0
	sum, rejections := of.book.Totals()
	if done {
		delete(p.open, partition)
		p.done[partition] = sum
	}
	p.mu.Unlock()
	if !done || p.onDone == nil {
		return nil
	}
	crashpoint.At("partition written")
	return p.onDone(partition, sum, rejections)
}

// Sums is the ledger of each partition that is done.
func (p *Partitions) Sums() map[string]Ledger {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	return maps.Clone(p.done)
}

// Check is an error unless each partition was read to its end, everything that it gave has
// its verdict, and its ledger balances.
func (p *Partitions) Check(planned []sources.Partition) error {
	if p == nil {
		return nil
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, part := range planned {
		l, ok := p.done[part.ID]
		switch left := p.open[part.ID]; {
		case ok && l.Balances():
		case ok:
			return &Unbalanced{Ledger: l, Partition: part.ID, Why: "what was read there is not what was written or refused"}
		case left == nil:
			return &Unbalanced{Partition: part.ID, Why: "it was never read"}
		default:
			sum, _ := left.book.Totals()
			return &Unbalanced{Ledger: sum, Partition: part.ID, Why: fmt.Sprintf("%d of its readers and batches never came to an end", left.holders)}
		}
	}
	return nil
}
