package sources

import "fmt"

// OffsetSpan is the offsets [From, To) of a log's partition that a reader has passed for one
// batch. Each holds a record of the batch, or lies in a gap.
type OffsetSpan struct {
	From, To int64
	Gaps     []OffsetGap // in order, apart from each other
}

// OffsetGap is offsets [From, To) that hold no record, as a broker said: so many of aborted
// transactions, so many markers; the rest are holes, whose records compaction took.
type OffsetGap struct{ From, To, Aborted, Markers int64 }

// OffsetCounts is what became of the offsets [From, To) of a log's partition.
type OffsetCounts struct {
	From    int64 `json:"from"`
	To      int64 `json:"to"`
	Records int64 `json:"records"`           // read
	Aborted int64 `json:"aborted,omitempty"` // records of aborted transactions
	Markers int64 `json:"markers,omitempty"` // control records
	Holes   int64 `json:"holes,omitempty"`   // offsets that no batch has: compaction took their records
}

// OffsetCounter is a capability of a View or a ChangeStream of logs: it says what became of each
// offset.
type OffsetCounter interface {
	// OffsetCounts is what was read so far of each partition; nil for logs that do not tell.
	OffsetCounts() map[string]OffsetCounts
}

// AddGap books offsets without records.
func (s *OffsetSpan) AddGap(g OffsetGap) {
	if g.To > g.From {
		s.Gaps = append(s.Gaps, g)
	}
}

// Total is how many offsets are accounted for.
func (c OffsetCounts) Total() int64 { return c.Records + c.Aborted + c.Markers + c.Holes }

// Check is an error unless each offset is accounted for.
func (c OffsetCounts) Check() error {
	if n := c.To - c.From; n != c.Total() || n < 0 {
		return fmt.Errorf("%d offsets from %d to %d were passed, and %d are accounted for (%s)", n, c.From, c.To, c.Total(), c)
	}
	return nil
}

func (c OffsetCounts) String() string {
	return fmt.Sprintf("%d records, %d of aborted transactions, %d markers, %d holes", c.Records, c.Aborted, c.Markers, c.Holes)
}

// Add books the offsets of a batch that lie at or behind To and before until. What was booked
// already may come again; what would be left out between is an error.
func (c *OffsetCounts) Add(b *Batch, until int64) error {
	from, to := max(b.Offsets.From, c.To), min(b.Offsets.To, until)
	switch {
	case to <= c.To:
		return nil
	case b.Offsets.From > c.To:
		return fmt.Errorf("the offsets from %d to %d were left out: nothing was read of them", c.To, b.Offsets.From)
	}
	part := OffsetCounts{From: from, To: to}
	for i := range b.Records {
		if at := b.Records[i].Offset; at >= from && at < to {
			part.Records++
		}
	}
	for _, g := range b.Offsets.Gaps {
		n := min(g.To, to) - max(g.From, from)
		if n <= 0 {
			continue
		}
		aborted := min(g.Aborted, n)
		markers := min(g.Markers, n-aborted)
		part.Aborted, part.Markers, part.Holes = part.Aborted+aborted, part.Markers+markers, part.Holes+n-aborted-markers
	}
	if err := part.Check(); err != nil {
		return err
	}
	c.To = to
	c.Records, c.Aborted, c.Markers, c.Holes = c.Records+part.Records, c.Aborted+part.Aborted, c.Markers+part.Markers, c.Holes+part.Holes
	return nil
}

// Join adds what lies behind these offsets; it is an error if it does not begin where they end.
func (c *OffsetCounts) Join(next OffsetCounts) error {
	if next.From != c.To {
		return fmt.Errorf("offsets were read from %d to %d, and then from %d to %d", c.From, c.To, next.From, next.To)
	}
	c.To = next.To
	c.Records, c.Aborted, c.Markers, c.Holes = c.Records+next.Records, c.Aborted+next.Aborted, c.Markers+next.Markers, c.Holes+next.Holes
	return nil
}
