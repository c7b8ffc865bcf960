package sources

import (
	"context"
	"time"
)

// SinceOpener is what a Source of logs can be that need not make everything again to say what
// came since.
type SinceOpener interface {
	// CountSince is how many events lie behind positions, at most, and how many Since would
	// read: more, where a document cannot be made of its newest events alone. It reads none.
	CountSince(ctx context.Context, from map[string]Position) (events, read int64, err error)

	// OpenSince reads what lies behind positions that were taken before a moment, and gives the
	// documents that these events concern, as everything in the logs makes them, and no
	// other: what is not there any more as deleted. Its inputs are the events behind the
	// positions; their rows are what was read for it in all. A *ErrChangesLost says why that cannot be
	// told: it is no error of the logs.
	OpenSince(ctx context.Context, from map[string]Position, taken time.Time) (View, error)
}

// OffsetFinder is what a View of a log can do beside: find events by their time.
type OffsetFinder interface {
	// OffsetsForTime is the position of the first event in each partition that is not older than a
	// moment, or the partition's end in this view.
	OffsetsForTime(ctx context.Context, moment time.Time) (map[string]Position, error)
}
