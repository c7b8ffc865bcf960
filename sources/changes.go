package sources

import (
	"context"
	"slices"
)

// Capturer is what a Source can do beside: tell what changes while it is read.
//
// The order of a run is Capture, then Open and Read, then rounds of Expand and Lookup
// until a fence is passed, then Release. A change that a read did not see is marked, and
// a mark is settled only by a read that saw the transactions that made it.
type Capturer interface {
	// Capture begins to capture changes under the given name, or goes on with that
	// capture behind the position from. When it returns, every change that a view
	// opened from now on does not see will come as a mark. A capture that cannot go on
	// without a gap (lost, moved ahead, another system) is a *ErrChangesLost.
	Capture(ctx context.Context, name string, from Position) (ChangeStream, error)

	// Release drops what the capture of that name left on the source. It is no error
	// if there is nothing.
	Release(ctx context.Context, name string) error
}

// ChangeStream is a stream of marks. Next is called from one goroutine, the others from any.
type ChangeStream interface {
	// Next waits for the next transaction that changed something of the projection, or
	// for a fence, and fills m, which it resets first. A transaction comes whole. Now and
	// then it gives a position alone, when nothing of the projection has changed up to it.
	Next(ctx context.Context, m *ChangeSet) error

	// Acknowledge tells the source that the marks up to that position are durable here.
	Acknowledge(ctx context.Context, to Position) error

	// Fence puts a fence into the stream behind everything that is committed now, and
	// returns what ChangeSet.Fence will say when it comes.
	Fence(ctx context.Context) (string, error)

	// Lag says how far the feed is behind, in bytes of the source's log, and how many
	// the source holds back for it.
	Lag(ctx context.Context) (behind, held int64, err error)

	// Close ends the stream; what was captured stays on the source.
	Close(ctx context.Context) error
}

// ChangeSet are what one transaction changed.
type ChangeSet struct {
	Keys     []DirtyKey
	Xid      uint64   // the transaction, as Snapshot.Sees takes it
	Position Position // behind it
	Fence    string   // a fence's id; then there are no marks
}

// DirtyKey says that documents have to be read again. It is comparable.
type DirtyKey struct {
	Node string `json:"node"` // which table of the projection: its path in the tree of includes, empty for the root
	Key  string `json:"key"`  // the document's id (root), or the join value (include); opaque to the engine
	All  bool   `json:"all"`  // the whole table: TRUNCATE, a partition that came or went
}

// TxSnapshot says which transactions a read saw: those below Min, and those below Max
// that were not Running.
type TxSnapshot struct {
	Min, Max uint64
	Running  []uint64 // sorted
}

// Sees reports whether what the transaction did was visible to the read.
func (s TxSnapshot) Sees(xid uint64) bool {
	if xid < s.Min {
		return true
	}
	_, running := slices.BinarySearch(s.Running, xid)
	return xid < s.Max && !running
}

// LatestOpener is what a Source can do beside: look up single documents as they are now, again
// and again, over one connection.
type LatestOpener interface {
	// OpenLatest gives a view whose every Lookup sees what is committed when it is called.
	// It holds nothing on the source between calls, and cannot Read.
	OpenLatest(ctx context.Context) (View, error)
}

// Expander is what a View of a live source can do: read the present state of marked
// documents. Every call is a short transaction of its own.
type Expander interface {
	Lookup

	// Expand calls fn with the ids of documents that the marks concern, in portions,
	// from one snapshot, which it returns. An id may come twice; ids of documents that
	// are not there any more come too, as far as the marks name them. For a root table
	// marked as a whole the engine adds the ids that the index has.
	Expand(ctx context.Context, marks []DirtyKey, fn func(ids [][]byte) error) (TxSnapshot, error)
}

// ErrChangesLost is the error of a capture that lost changes: what was read before cannot be
// trusted to be complete any more.
type ErrChangesLost struct{ Why, Remedy string }

func (g *ErrChangesLost) Error() string { return g.Why + "\n" + g.Remedy }
