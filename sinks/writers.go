package sinks

import (
	"context"
	"fmt"
)

// WriterRole says which writers a new one shuts out: those before it in its role.
type WriterRole string

// The roles. In each there is one writer of an index at a time.
const (
	LeaseWriter  WriterRole = ""       // a load, a catch-up, the pass behind a swap, a repair, a retry, a restore: by the lease
	FollowWriter WriterRole = "follow" // the live projector: by its capture
)

// WriterFence is a capability of an Index: it tells its writers apart. Each has a name of its
// own in the target, which is never given again. What is sent under a name that was taken
// away has no effect, however late it comes: Write and WriteIf fail with a *Fenced.
type WriterFence interface {
	// BeginWriter takes the names of this role's writers away, waits until the target works
	// on nothing of theirs, and gives this index a new name. It fails with a *Fenced if the
	// name that this index had was taken away by another process.
	BeginWriter(ctx context.Context, role WriterRole) error

	// NextWriter gives this index a new name that takes effect with an AliasChange: the result
	// is one of its actions. EndWriter comes before it.
	NextWriter(ctx context.Context) (AliasAction, error)

	// EndWriter takes this index's name away, and waits until the target works on nothing that
	// was sent under it. It is no error if this index has none.
	EndWriter(ctx context.Context) error

	// Primaries says where the primaries are and how often they changed: another value means
	// that a primary was moved or restarted, and forgot which documents were deleted.
	Primaries(ctx context.Context) (string, error)
}

// WriterFencer is a capability of a Target: it shuts out writers of processes that are gone.
type WriterFencer interface {
	// FenceWriters takes the names of a role's writers away, in all generations, and waits
	// until the target works on nothing of theirs.
	FenceWriters(ctx context.Context, role WriterRole) error
}

// Fenced is in the error of a writer whose name was taken away: it must stop.
type Fenced struct{ Index string }

func (f *Fenced) Error() string {
	return fmt.Sprintf("the writer's alias of index %s was taken away: another process took over, and this one must not write any more", f.Index)
}
