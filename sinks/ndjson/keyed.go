package ndjson

import (
	"context"
	"strconv"
	"time"

	"humpty/sinks"
)

var (
	_ sinks.Getter            = (*index)(nil)
	_ sinks.ConditionalWriter = (*index)(nil)
)

// Get reads the lines that count. Where a line begins is what WriteIf must still find: each
// write of a document has its own.
func (x *index) Get(ctx context.Context, keys []sinks.Key, found []sinks.Found) error {
	for i, k := range keys {
		if err := ctx.Err(); err != nil {
			return err
		}
		found[i] = sinks.Found{Document: sinks.Document{ID: k.ID, Routing: k.Routing}}
		x.mu.Lock()
		p, ok := x.rows[string(k.ID)]
		x.mu.Unlock()
		if !ok || p.deleted {
			continue
		}
		d, err := x.read(p)
		if err != nil {
			return err
		}
		if effectiveRouting(string(d.ID), string(d.Routing)) != effectiveRouting(string(k.ID), string(k.Routing)) {
			continue
		}
		d.ID, d.Routing = k.ID, k.Routing
		found[i] = sinks.Found{Document: d, There: true, SeqNo: p.seqNo()}
	}
	return nil
}

// WriteIf appends what is still as it was seen.
func (x *index) WriteIf(ctx context.Context, docs []sinks.Document, seen []string, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	start := time.Now()
	clear(verdicts)
	if err := ctx.Err(); err != nil {
		return sinks.Receipt{}, err
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.appendAll(docs, verdicts, start, func(i int, was lineRef, there bool) (sinks.Verdict, int64) {
		switch {
		case there && was.seqNo() != seen[i], !there && seen[i] != "":
			return sinks.Verdict{Outcome: sinks.Superseded, Status: 409}, 0
		case !there && docs[i].Body == nil:
			return sinks.Verdict{Outcome: sinks.Deleted}, 0 // there was none
		}
		return sinks.Verdict{}, was.version + 1
	})
}

// seqNo tells one write of a document from all others.
func (p lineRef) seqNo() string { return strconv.FormatInt(p.at, 10) }

// effectiveRouting is the routing unless it is the id, which is the default.
func effectiveRouting(id, routing string) string {
	if routing == id {
		return ""
	}
	return routing
}
