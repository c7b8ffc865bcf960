package sinks

import "context"

// VersionSampler is a capability of a Target: it says with which versions the documents of an
// index were written, by humpty or by others.
type VersionSampler interface {
	// SampleVersions calls fn with the ids and versions of up to n documents that were written
	// last, and of up to n random ones; fn may not keep them.
	SampleVersions(ctx context.Context, index string, n int, fn func(docs []Document) error) error
}
