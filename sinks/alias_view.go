package sinks

import "context"

// AliasViewer is a capability of a Target: it says what would be found through an alias before
// it is set.
type AliasViewer interface {
	// ViewThrough looks at the index that add names as it would be seen through the alias that
	// add sets: with its filter and its routing. It changes nothing. It sees what was
	// refreshed.
	ViewThrough(ctx context.Context, add AliasAction) (AliasView, error)
}

// AliasView is what of an index is found through an alias.
type AliasView struct {
	Documents int64 // in the index
	Matching  int64 // of these, that pass the alias's filter
	Searched  int64 // of these, that are in the shards which its routing of searches leads to
	Addressed int64 // of Documents, that are in the shards which its routing of reads and writes by id leads to
	Sampled   int64 // documents that were read by id
	Got       int64 // of these, that were found with the alias's routing of reads and writes
}
