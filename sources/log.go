package sources

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
