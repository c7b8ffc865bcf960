// Package write is the path that documents take to the index: each gets one verdict, and each
// verdict is booked. A load writes batches (Loader), what is read again is written with a version
// or on condition (Writer), and a repair sends what differs (Send, SendIf) and books for itself.
package write

import (
	"context"
	"errors"
	"fmt"

	"humpty/sinks"
	"humpty/sources"
)

// Documents appends what is to be written for records, rejected ones left out; versions
// are base, or that of the record's row.
func Documents(docs []sinks.Document, records []sources.Record, base int64) []sinks.Document {
	for i := range records {
		r := &records[i]
		if r.Reject != "" {
			continue
		}
		version := base
		if r.Versioned {
			version = r.Version
		}
		body := r.Value
		if r.Deleted {
			body = nil
		}
		docs = append(docs, sinks.Document{ID: r.Key, Routing: r.Routing, Version: version, Versioned: r.Versioned, Body: body})
	}
	return docs
}

// size is how many bytes the bodies of documents have.
func size(docs []sinks.Document) int {
	n := 0
	for i := range docs {
		n += len(docs[i].Body)
	}
	return n
}

// decided is an error if a document has no verdict.
func decided(docs []sinks.Document, verdicts []sinks.Verdict) error {
	for i := range verdicts {
		if verdicts[i].Outcome == sinks.Undecided {
			return errors.New("document " + string(docs[i].ID) + " has no verdict: this is a defect of the target")
		}
	}
	return nil
}

// Send writes documents with their versions. doubt says that an attempt had no answer: it may
// still land, though it was made again.
func Send(ctx context.Context, index sinks.Index, docs []sinks.Document) (verdicts []sinks.Verdict, doubt bool, err error) {
	verdicts = make([]sinks.Verdict, len(docs))
	receipt, err := index.Write(ctx, docs, verdicts)
	if err != nil {
		return nil, false, fmt.Errorf("write %d documents: %w", len(docs), err)
	}
	return verdicts, unknown(receipt), nil
}

// SendIf writes those documents that still are as they were seen. doubt is as that of Send.
func SendIf(ctx context.Context, index sinks.ConditionalWriter, docs []sinks.Document, seen []string) (verdicts []sinks.Verdict, doubt bool, err error) {
	verdicts = make([]sinks.Verdict, len(docs))
	receipt, err := index.WriteIf(ctx, docs, seen, verdicts)
	if err != nil {
		return nil, false, fmt.Errorf("amend %d documents: %w", len(docs), err)
	}
	return verdicts, unknown(receipt), nil
}
