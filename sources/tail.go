package sources

import "context"

// Tailer is what a View of a log can do beside: go on behind its fences.
type Tailer interface {
	// Tail reads p from a position on and has no end: Next waits a moment for what is new,
	// and may then give a batch with a position alone. A log that has not everything since
	// the position any more is a *Gap.
	Tail(ctx context.Context, p Partition, from Position) (Reader, error)

	// Ends are where the partitions end now, as Fences are where they ended at first. There
	// may be more of them than then; each can be tailed from its Start.
	Ends(ctx context.Context) (map[string]Position, error)

	// Start is where a partition begins.
	Start(partition string) Position

	// Behind is how many events lie between two positions of a partition, at most.
	Behind(from, to Position) int64
}

// Opener is what a Feed can be that holds what documents are made of: views come from it,
// not from its source. They are closed before or after it.
type Opener interface {
	Open(ctx context.Context) (View, error)
}

// Placed is what a Feed can do beside that reads logs: say where in them the last fence was
// that it gave. Everything before it is in the marks.
type Placed interface {
	Positions() map[string]Position
}

// Tainted is what a View of a live log can do beside: count the events that could not be
// read or applied so far, each once.
type Tainted interface {
	Poisoned() int64
}
