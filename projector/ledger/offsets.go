package ledger

import (
	"fmt"
	"maps"
	"slices"

	"humpty/sources"
)

// Offsets are what became of the offsets of the logs that a view reads; nil for tables.
func Offsets(view sources.View) map[string]sources.OffsetCounts {
	counter, ok := view.(sources.OffsetCounter)
	if !ok {
		return nil
	}
	all := counter.OffsetCounts()
	if len(all) == 0 {
		return nil
	}
	return all
}

// CheckOffsets is an error unless each offset of the logs, from where they are read to where the
// view ends, held a record that was read, or is proven to hold none; and unless each record
// that was read is an event in the ledger.
func CheckOffsets(view sources.View) error {
	all := Offsets(view)
	ends := map[string]sources.Position{}
	if fenced, ok := view.(sources.EndOffsets); ok {
		ends = fenced.EndOffsets()
	}
	var events map[string]sources.Counts
	if traced, ok := view.(sources.PartitionCounter); ok {
		events = traced.PartitionCounts()
	}
	for _, id := range slices.Sorted(maps.Keys(all)) {
		c := all[id]
		if err := c.Check(); err != nil {
			return &Unbalanced{Partition: id, Why: err.Error()}
		}
		if end, err := sources.OffsetOf(ends[id]); err == nil && c.To < end {
			return &Unbalanced{Partition: id, Why: fmt.Sprintf("it was read to offset %d, and its fence is at %d", c.To, end)}
		}
		if met, ok := events[id]; ok && met.Read != c.Records {
			return &Unbalanced{
				Ledger: Ledger{Inputs: met}, Partition: id,
				Why: fmt.Sprintf("%d records were read of the offsets from %d to %d, and %d events are in the ledger", c.Records, c.From, c.To, met.Read),
			}
		}
	}
	return nil
}
