package sources

import (
	"context"
	"strconv"
	"strings"
)

// EndOffsets is what a View of a log can do beside: say where it ends.
type EndOffsets interface {
	// EndOffsets are where the partitions of the log end for this view. They do not change.
	EndOffsets() map[string]Position
}

// PartitionCounter is what a View that folds events can do beside: say what became of them. Its
// partitions are the log's, not those that are read from the view, and beside them those of
// the tables that it reads.
type PartitionCounter interface {
	// PartitionCounts is what was met so far in each partition, once, however often it was read.
	PartitionCounts() map[string]Counts
}

// Replayer is what a Source can be whose Open reads a log to its end: it says how far.
type Replayer interface {
	// Watch has fn called on the way of each Open from now on, one call at a time, with
	// the events read, an estimate of all, and the bytes read. It is called before Open.
	Watch(fn func(done, total, bytes int64))
}

// PositionChecker is a capability of a Source of logs: it says whether what was read is still there.
type PositionChecker interface {
	// CheckPositions is a *ErrChangesLost where a log is not what it was when it was read up to a
	// position: made again under the same name, cut off, written again. note says what could
	// not be told, for people. Positions of partitions of others are left out.
	CheckPositions(ctx context.Context, at map[string]Position) (note string, err error)
}

// OffsetOf is the offset of a position in a log, which comes first in it; what a log says of
// the position beyond that, behind an @, is for reading on from it.
func OffsetOf(p Position) (int64, error) {
	offset, _, _ := strings.Cut(string(p), "@")
	return strconv.ParseInt(offset, 10, 64)
}
