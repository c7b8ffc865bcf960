package fold

import (
	"context"
	"errors"
)

// Event is one event of one document. Its slices are valid until the document is done.
type Event struct {
	Topic     string // of a topic's partition; the id of any other
	Partition int32
	Offset    int64
	Time      int64  // milliseconds since 1970
	Type      string // empty where the decoder finds none
	Key       []byte // the document's id
	Value     []byte // one JSON value, checked; nil for a tombstone
	Deleted   bool   // the system of record says that there is nothing any more
}

// Fold makes one document at a time of its events: Begin, then Apply for each event in
// order, then Append. It is used by one goroutine; a fold for each is made.
//
// An error of Apply that is a [*Poison] concerns that event alone: it is recorded, the
// document goes on without it. [ErrFiltered] is for an event that has no meaning here.
// Any other error ends the run.
type Fold interface {
	// Begin starts the document of a key. What Append gave before for it comes as
	// document, nil if there is none yet.
	Begin(key, document []byte) error

	// Apply changes the document as the event says. After a Poison the document is as
	// it was before, unless it is marked Dirty.
	Apply(e *Event) error

	// Append appends the document, one JSON object on one line, and reports whether
	// there is one; without events there is none. A Poison rejects the document.
	Append(dst []byte) (out []byte, alive bool, err error)
}

// Document is the key of a document and all of its events, in order.
type Document struct {
	Key    []byte
	Events []Event
}

// Bulk is a Fold that makes several documents at a time, in another process say. Prepare is
// called before Begin with the documents that come next, in that order; their Begin, Apply and
// Append then say what came of them. Close is called when there are no more.
//
// An event that could not be applied is left out by the fold itself: a Poison of Apply is
// never Dirty.
type Bulk interface {
	Fold
	Prepare(ctx context.Context, documents []Document) error
	Close() error
}

// Poison is why an event cannot be read or applied.
type Poison struct {
	Reason string
	Dirty  bool // the document was changed half-way: it is made again without the event
}

func (p *Poison) Error() string { return p.Reason }

// ErrFiltered says that an event is left out by the definition.
var ErrFiltered = errors.New("fold: the event is left out")
