package sinks

import "context"

// Getter is what an Index can do beside: read single documents as they are now, refreshed
// or not.
type Getter interface {
	// Get fills found, one for each of keys (len(found) == len(keys)). It is safe for
	// concurrent use. What is filled belongs to the caller.
	Get(ctx context.Context, keys []Key, found []Found) error
}

// Key names one document. Routing is nil where the document has none.
type Key struct{ ID, Routing []byte }

// Found is a document as it was read.
type Found struct {
	Document        // zero but for its key where there is none
	There    bool   // the document exists
	SeqNo    string // what WriteIf must still find; the target's own. Empty: no document
}

// ConditionalWriter is what an Index can do beside: write onto what was read, and onto nothing
// else. It is how an index is corrected while others write to it without versions.
type ConditionalWriter interface {
	// WriteIf writes docs, whose Version does not count, as Write does, each only if
	// its document is still what seen[i] says; an empty one demands that there is
	// none. Otherwise the verdict is Superseded: somebody wrote in between, or an
	// earlier attempt of this call took effect though its answer was lost.
	WriteIf(ctx context.Context, docs []Document, seen []string, verdicts []Verdict) (Receipt, error)
}

// Sampler is what an Index can do beside: find random documents without reading all.
type Sampler interface {
	// Sample calls fn with n documents, or all if there are fewer, each as likely as
	// any other; another seed gives another sample. Only ID and Routing are filled;
	// fn may not keep them.
	Sample(ctx context.Context, n int, seed uint64, fn func(docs []Document) error) error
}

// DefinitionDiffer is what an Index can do beside: say whether it is as it was asked for.
type DefinitionDiffer interface {
	// DiffDefinition lists in words where settings and mappings are not those of the
	// definition that Create takes; what the target added by itself does not count.
	DiffDefinition(ctx context.Context, definition []byte) (deviations []string, err error)
}
