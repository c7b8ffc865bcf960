// Package ledger keeps account of where every record that was read and every document that
// was made of it ended: of a whole run (Book), of each partition (Partitions) and of each
// pass. What does not balance, and more rejections or poison than allowed, are its errors.
package ledger

import "humpty/sources"

// Ledger is where everything that was read ended.
type Ledger struct {
	Inputs     sources.Counts `json:"inputs"`
	Produced   int64          `json:"produced"` // documents given to the sink or refused before it
	Written    int64          `json:"written"`
	Superseded int64          `json:"superseded"`
	Deleted    int64          `json:"deleted"`
	Rejected   int64          `json:"rejected"`
	Bytes      int64          `json:"bytes"`   // of document bodies
	Sent       int64          `json:"sent"`    // bytes sent, retries included
	Retries    int64          `json:"retries"` // requests or items sent again
	Throttled  int64          `json:"throttled"`
}

// Decided is what has come to an end: documents of a write that failed may have no verdict.
// They are still due, and the next process books them when it reads them again.
func (l Ledger) Decided() Ledger {
	l.Produced = l.Written + l.Superseded + l.Deleted + l.Rejected
	open := l.Inputs.Used - l.Produced
	l.Inputs.Used, l.Inputs.Read = l.Inputs.Used-open, l.Inputs.Read-open
	return l
}

// Sub is what came to a ledger since it was as another.
func (l Ledger) Sub(was Ledger) Ledger {
	in := was.Inputs
	l.Inputs.Add(sources.Counts{
		Read: -in.Read, Used: -in.Used, Folded: -in.Folded, Filtered: -in.Filtered,
		Orphaned: -in.Orphaned, Poison: -in.Poison, Rows: -in.Rows, Bytes: -in.Bytes,
	})
	l.Produced -= was.Produced
	l.Written -= was.Written
	l.Superseded -= was.Superseded
	l.Deleted -= was.Deleted
	l.Rejected -= was.Rejected
	l.Bytes -= was.Bytes
	l.Sent -= was.Sent
	l.Retries -= was.Retries
	l.Throttled -= was.Throttled
	return l
}

// Balances reports whether every record read and every document produced is accounted for.
func (l Ledger) Balances() bool {
	return l.Inputs.Balanced() && l.Inputs.Used == l.Produced &&
		l.Produced == l.Written+l.Superseded+l.Deleted+l.Rejected
}

// Rejection is one document that will not be in the index.
type Rejection struct {
	ID     string `json:"id"`
	Type   string `json:"type"`
	Reason string `json:"reason"`

	Document string `json:"document,omitempty"` // DocumentSum of what was refused; empty: the source could not make it
}
