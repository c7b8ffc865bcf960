package kafka

import (
	"fmt"
	"maps"
)

// OffsetCounts is what became of the offsets that readers passed. A reader that went from
// one offset to another has counted each offset between them once.
type OffsetCounts struct {
	Records int64 // given
	Aborted int64 // records of aborted transactions
	Markers int64 // control records
	Holes   int64 // offsets that no batch has: compaction took their records
}

// Total is how many offsets they are.
func (c OffsetCounts) Total() int64 { return c.Records + c.Aborted + c.Markers + c.Holes }

// add adds other to c.
func (c *OffsetCounts) add(other OffsetCounts) {
	c.Records += other.Records
	c.Aborted += other.Aborted
	c.Markers += other.Markers
	c.Holes += other.Holes
}

func (c OffsetCounts) String() string {
	return fmt.Sprintf("%d records, %d of aborted transactions, %d markers, %d holes", c.Records, c.Aborted, c.Markers, c.Holes)
}

// count books what a reader has passed.
func (v *view) count(p topicPartition, passed OffsetCounts) {
	v.mu.Lock()
	defer v.mu.Unlock()
	if v.passed == nil {
		v.passed = map[string]OffsetCounts{}
	}
	all := v.passed[p.String()]
	all.add(passed)
	v.passed[p.String()] = all
}

// OffsetCounts is what became of the offsets of each partition so far, for all readers of
// the view together.
func (v *view) OffsetCounts() map[string]OffsetCounts {
	v.mu.Lock()
	defer v.mu.Unlock()
	return maps.Clone(v.passed)
}
