package ledger

import (
	"bytes"
	"slices"
	"sync"

	"humpty/internal/deadletter"
	"humpty/sinks"
	"humpty/sources"
)

// RejectionsShown is how many rejections an error and a record carry.
const RejectionsShown = 10

// Book counts where everything ends. It is shared by all readers and writers of a run.
type Book struct {
	keep      int64              // rejections to keep with their ids
	letters   *deadletter.Writer // where their bodies go; nil: nowhere, or the whole ledger does it
	deferred  bool               // letters are part of the changes of refusals
	indexName string             // that they were for

	refusals *Refusals // that stand now; nil: nobody asks for them

	mu         sync.Mutex
	sum        Ledger
	rejections []Rejection // of each attempt
}

// NewBook makes one that keeps at least as many rejections as the limit is; letters may be nil.
func NewBook(limit int64, letters *deadletter.Writer) *Book {
	return &Book{keep: max(limit, RejectionsShown), letters: letters, refusals: NewRefusals()}
}

// DeferLetters leaves the letters of refused documents to who takes the changes of the
// refusals: they are written when the refusals are durable.
func (b *Book) DeferLetters() { b.deferred = true }

// Refusals are the documents that are refused as things stand.
func (b *Book) Refusals() *Refusals { return b.refusals }

// SetIndex says which index the documents are for, before the first is booked.
func (b *Book) SetIndex(name string) { b.indexName = name }

// Index is that of the index the documents are for.
func (b *Book) Index() string { return b.indexName }

// AddInput books what a reader met.
func (b *Book) AddInput(c sources.Counts) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sum.Inputs.Add(c)
}

// AddVerdicts books the verdicts of one write and returns the sums so far.
// Undecided documents are produced but end nowhere, so the ledger shows them.
func (b *Book) AddVerdicts(docs []sinks.Document, verdicts []sinks.Verdict, receipt sinks.Receipt) Ledger {
	b.mu.Lock()
	defer b.mu.Unlock()
	for i, v := range verdicts {
		b.sum.Produced++
		b.sum.Bytes += int64(len(docs[i].Body))
		switch v.Outcome {
		case sinks.Written:
			b.sum.Written++
			b.refusals.Settle(docs[i].ID)
		case sinks.Superseded:
			b.sum.Superseded++
		case sinks.Deleted:
			b.sum.Deleted++
			b.refusals.Settle(docs[i].ID)
		case sinks.Rejected:
			b.reject(docs[i], v.Type, v.Reason)
		}
	}
	b.sum.Sent += receipt.Bytes
	b.sum.Retries += int64(receipt.Retries)
	b.sum.Throttled += int64(receipt.Throttled)
	return b.sum
}

// AddRejected books the documents that their source could not make.
func (b *Book) AddRejected(records []sources.Record) {
	for i := range records {
		if r := &records[i]; r.Reject != "" {
			b.mu.Lock()
			b.sum.Produced++
			b.reject(sinks.Document{ID: r.Key, Routing: r.Routing}, RejectedBySource, r.Reject)
			b.mu.Unlock()
		}
	}
}

// AddEarlier books what was booked before, by a process that ended.
func (b *Book) AddEarlier(sum Ledger, rejections []Rejection) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.sum.Inputs.Add(sum.Inputs)
	b.sum.Produced += sum.Produced
	b.sum.Written += sum.Written
	b.sum.Superseded += sum.Superseded
	b.sum.Deleted += sum.Deleted
	b.sum.Bytes += sum.Bytes
	b.sum.Sent += sum.Sent
	b.sum.Retries += sum.Retries
	b.sum.Throttled += sum.Throttled
	b.sum.Rejected += sum.Rejected - int64(len(rejections))
	for _, r := range rejections {
		b.count(r)
		if b.refusals != nil {
			b.refusals.refuse(r, nil)
		}
	}
}

// reject books that a document is refused. It becomes a letter once, not at each attempt.
func (b *Book) reject(d sinks.Document, kind, reason string) {
	r := Rejection{ID: string(d.ID), Type: kind, Reason: reason, Document: DocumentSum(d.Body)}
	b.count(r)
	if b.refusals == nil {
		return
	}
	letter := Letter(b.indexName, d, kind, reason)
	if b.deferred {
		letter.Body = bytes.Clone(letter.Body)
		b.refusals.refuse(r, &letter)
	} else if b.refusals.refuse(r, nil) {
		_ = b.letters.Put(letter) // its error stays, and the gate asks for it
	}
}

func (b *Book) count(r Rejection) {
	b.sum.Rejected++
	if int64(len(b.rejections)) < b.keep {
		b.rejections = append(b.rejections, r)
	}
}

// Totals returns the sums so far, and the rejections that were kept.
func (b *Book) Totals() (Ledger, []Rejection) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.sum, slices.Clone(b.rejections)
}

// TooMany is the error for more refused documents than the limit allows, with the first ones.
func (b *Book) TooMany(limit int64) *TooManyRejections {
	return &TooManyRejections{Rejected: b.refusals.Len(), Limit: limit, First: b.refusals.First(RejectionsShown)}
}
