package sources

import "context"

// FlushLog tells how much of a source's log is on the source's disk. A source may show a commit
// before it is (PostgreSQL with synchronous_commit = off); a crash takes it back, and no change
// stream tells of it.
//
// It speaks for the server as it has run since before the first read. Where that ended
// meanwhile, every call is an error: what was read and was not flushed has to be read again.
type FlushLog interface {
	// LogEnd is where the log ends now: behind every commit that a read has seen before.
	LogEnd(ctx context.Context) (Position, error)

	// Flushed reports whether the log is on the disk up to there.
	Flushed(ctx context.Context, to Position) (bool, error)

	// Flush has everything put on the disk that is in the log now.
	Flush(ctx context.Context) error

	// LastCrash tells the server's crashes apart: as long as it is the same, nothing was taken
	// back. A restart in order may change it, too.
	LastCrash(ctx context.Context) (string, error)
}

// FlushTracked is what a View or a ChangeStream can be whose source may take back what it
// shows. While changes are captured their stream is asked, otherwise the view.
type FlushTracked interface {
	// FlushLog is nil where everything that is shown is on the disk.
	FlushLog() FlushLog
}
