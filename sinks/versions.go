package sinks

import "context"

// VersionSampler is what a Target can do beside: say with which versions the documents of an
// index were written, whoever made it.
type VersionSampler interface {
	// SampleVersions calls fn with the ids and versions of up to n documents that were written
	// last, and of up to n random ones; fn may not keep them.
	SampleVersions(ctx context.Context, index string, n int, fn func(docs []Document) error) error
}
