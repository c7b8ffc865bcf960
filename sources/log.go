package sources

// Fenced is what a View of a log can do beside: say where it ends.
type Fenced interface {
	// Fences are where the partitions of the log end for this view. They do not change.
	Fences() map[string]Position
}

// Traced is what a View that folds events can do beside: say what became of them. Its
// partitions are the log's, not those that are read from the view.
type Traced interface {
	// Inputs is what was met so far in each partition, once, however often it was read.
	Inputs() map[string]Counts
}
