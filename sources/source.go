package sources

import "context"

// Source is one system of record as one projection sees it.
type Source interface {
	// Plan splits the source into partitions, with estimates. It reads catalog,
	// statistics and samples only, and changes nothing. It may be called often.
	// Problems of the definition (unknown column, key not unique, …) come all at
	// once as one error that is a problem.List; warnings come in the plan.
	Plan(ctx context.Context) (Plan, error)

	// Open fixes what readers will see until the view is closed: one exported
	// snapshot, or the captured end of each partition. Called once per pass.
	Open(ctx context.Context) (View, error)
}

// View is a source at one moment. It is safe for concurrent use.
type View interface {
	// Read starts reading p behind the position from; empty is p's start.
	// The engine opens at most as many readers at once as the plan's Readers.
	Read(ctx context.Context, p Partition, from Position) (Reader, error)

	// Close gives back the view's connections and snapshots; nothing of it is
	// left on the source. It works with a cancelled context.
	Close(ctx context.Context) error
}

// Reader reads one partition in order, from one goroutine.
type Reader interface {
	// Next appends at least one record to the batch b (which the caller reset) and
	// sets its position, snapshot and counts, or returns io.EOF behind the last
	// record. A batch may also come without records but with counts and a new
	// position, when everything read was filtered. After any other error the
	// reader is spent: a new one may go on from the last position.
	Next(ctx context.Context, b *Batch) error

	// Close frees the reader's connection, also in the middle of a partition.
	Close(ctx context.Context) error
}

// Lookup is what a View can do beside reading partitions, where its source allows:
// read the present state of single keys.
type Lookup interface {
	// Lookup appends one record for each of the given keys, in any order: the
	// document as Read would give it now, or a deleted one where no row passes.
	Lookup(ctx context.Context, keys [][]byte, b *Batch) error
}

// Splitter is what a Reader can do beside, where its partition can be cut while it is read.
type Splitter interface {
	// Split gives up about the second half of what is still to be read, unless that is
	// too little: then ok is false. Rest has the partition's id and is read from its start
	// by another reader; the two of them give every record that is left, once. Called
	// from any goroutine, also while Next runs. After an error, unless ctx has ended, the
	// reader goes on as if it had not been asked.
	Split(ctx context.Context) (rest Partition, ok bool, err error)
}
