package projector

import "humpty/projector/checkpoint"

// Live makes a run catch up with what changes while it reads.
type Live struct {
	Checkpoint *checkpoint.Store // the run's own, in its state folder
	Resume     bool              // go on with the run whose store it is; Owner.Run is that run's
	Writer     Writer
}

// Writer says who writes to the index besides a rebuild, and so how the swap is made.
type Writer string

// The ways to swap under writes; see also WriterHandover.
const (
	// WriterFreeze: the application writes through the alias and can bear a pause. The
	// old index is blocked for writes, everything committed before is caught up with,
	// and the alias is swapped.
	WriterFreeze Writer = "freeze"
	// WriterFollow: nobody but humpty writes to the index. Everything committed is caught
	// up with, the alias is swapped, and the capture stays: humpty follow goes on with it.
	WriterFollow Writer = "follow"
)

// WriterHandover lets the application go on writing through the alias, without versions
// and without a pause. The alias is swapped near the present; then what was committed before
// the swap is settled in the index that serves, each document only if it still is as it
// was seen, until nothing of ours can undo a write of the application's any more.
//
// The application must write every document that it changes to the alias, after its commit
// in the source, and must not write what it read before it.
const WriterHandover Writer = "handover"
