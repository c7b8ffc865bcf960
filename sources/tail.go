package sources

import "context"

// Tailer is what a View of a log can do beside: go on behind its fences.
type Tailer interface {
	// Tail reads p from a position on and has no end: Next waits a moment for what is new,
	// and may then give a batch with a position alone. A log that has not everything since
	// the position any more is a *ErrChangesLost.
	Tail(ctx context.Context, p Partition, from Position) (Reader, error)

	// LatestOffsets are where the partitions end now, as Fences are where they ended at first. There
	// may be more of them than then; each can be tailed from its Start.
	LatestOffsets(ctx context.Context) (map[string]Position, error)

	// BeginningOffset is where a partition begins.
	BeginningOffset(partition string) Position

	// OffsetLag is how many events lie between two positions of a partition, at most.
	OffsetLag(from, to Position) int64
}

// ViewOpener is what a ChangeStream can be that holds what documents are made of: views come from it,
// not from its source. They are closed before or after it.
type ViewOpener interface {
	Open(ctx context.Context) (View, error)
}

// FenceLocator is what a ChangeStream can do beside that reads logs: say where in them the last fence was
// that it gave. Everything before it is in the marks.
type FenceLocator interface {
	FenceOffsets() map[string]Position
}

// PoisonCounter is what a View of a live log can do beside: count the events that could not be
// read or applied so far, each once.
type PoisonCounter interface {
	PoisonCount() int64
}
