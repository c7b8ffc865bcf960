package sources

import (
	"context"
	"time"
)

// Delta is what a Source of logs can be that need not make everything again to say what
// came since.
type Delta interface {
	// Behind is how many events lie behind positions, at most, and how many Since would
	// read: more, where a document cannot be made of its newest events alone. It reads none.
	Behind(ctx context.Context, from map[string]Position) (events, read int64, err error)

	// Since reads what lies behind positions that were taken before a moment, and gives the
	// documents that these events concern, as everything in the logs makes them, and no
	// other: what is not there any more as deleted. Its inputs are the events behind the
	// positions; their rows are what was read for it in all. A *Gap says why that cannot be
	// told: it is no error of the logs.
	Since(ctx context.Context, from map[string]Position, taken time.Time) (View, error)
}

// Dated is what a View of a log can do beside: find events by their time.
type Dated interface {
	// At is the position of the first event in each partition that is not older than a
	// moment, or the partition's end in this view.
	At(ctx context.Context, moment time.Time) (map[string]Position, error)
}
