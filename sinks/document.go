package sinks

import "time"

// Document is what is written: no body means delete. Its slices belong to the caller
// and are valid until Write returns.
type Document struct {
	ID      []byte
	Routing []byte // nil for none
	Version int64  // external version
	Body    []byte // one JSON object on one line; nil: delete

	Versioned bool // the version counts though it is 0: it is that of a row
}

// HasVersion reports whether the target is to hold the version against the one it has.
func (d *Document) HasVersion() bool { return d.Version != 0 || d.Versioned }

// Outcome is how the write of one document ended.
type Outcome uint8

// The zero Outcome is none: a verdict that was not given.
const (
	Undecided  Outcome = iota
	Written            // stored under the version given
	Superseded         // the target holds a newer version
	Deleted            // gone, or was not there
	Rejected           // refused for good; Type and Reason say why
)

// Verdict is the target's word on one document.
type Verdict struct {
	Outcome Outcome
	Status  int    // the item's HTTP status, where there is one
	Type    string // of a rejection, as the target names it: document_parsing_exception
	Reason  string // of a rejection
}

// Receipt is what one Write cost, for the controller and the run's record.
type Receipt struct {
	Took      time.Duration // from the call to the last verdict
	Bytes     int64         // sent, retries included
	Requests  int           // sent, retries included
	Retries   int           // requests or items sent again
	Throttled int           // of these, because the target said it is full (429)
}
