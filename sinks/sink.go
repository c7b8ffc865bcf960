package sinks

import "context"

// Sink takes documents. It is safe for concurrent use; it starts no goroutine that
// outlives a call.
type Sink interface {
	// Write sends docs and fills verdicts, one for each (len(verdicts) == len(docs)),
	// in any order of attempts. What the target did not answer for good (429, 5xx, a
	// broken connection, a short answer) is sent again with the same version until it
	// did or ctx ends. A nil error means that every verdict is decided; after an
	// error the undecided ones are unknown: they may still take effect.
	Write(ctx context.Context, docs []Document, verdicts []Verdict) (Receipt, error)
}

// Index is one generation, opened.
type Index interface {
	Sink

	// Seal ends the load: refreshes, puts the settings the user wants in place of the
	// load's, and waits until every copy is there. report, if not nil, is called from
	// the same goroutine with what is waited for, and with NoLonger in front with what
	// the index has to do without. No Write may be in flight.
	// Some settings stay until the generation is live: it is called again then. Calling it
	// again is harmless.
	Seal(ctx context.Context, report func(waiting string)) error

	// Note replaces the generation's meta in the target, durably. The caller is the
	// only writer (it holds the lease).
	Note(ctx context.Context, m Meta) error

	// Count says how many documents a search would find, after a refresh.
	Count(ctx context.Context) (int64, error)

	// Scan calls fn with all documents of slice part out of parts (0 ≤ part < parts),
	// as of the moment the scan began, in any order; fn may not keep them.
	// Version is filled where the target tells it. An error of fn ends the scan.
	Scan(ctx context.Context, part, parts int, fn func(docs []Document) error) error
}
