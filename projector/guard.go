package projector

// Guard is how much of an index may be changed on the word of its source: an empty or
// truncated table must not wipe it.
type Guard struct {
	MaxDelete int64 // most documents to delete; below 0: a hundredth of the index
	MaxStale  int64 // most documents to overwrite in an index that serves; below 0: half of it
}

// Deletable is how many of so many documents may be deleted.
func (g Guard) Deletable(indexed int64) int64 {
	if g.MaxDelete >= 0 {
		return g.MaxDelete
	}
	return max(indexed/100, min(10, indexed/10))
}

// Overwritable is how many of so many documents may be overwritten while they serve.
func (g Guard) Overwritable(indexed int64) int64 {
	if g.MaxStale >= 0 {
		return g.MaxStale
	}
	return max(indexed/2, 100)
}
