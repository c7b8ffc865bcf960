package memory

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"slices"
	"time"

	"humpty/sinks"
)

type index struct {
	target  *Target
	name    string
	meta    sinks.Meta
	docs    map[string]stored
	created time.Time
	sealed  []sinks.State
}

type stored struct {
	routing, body []byte
	version       int64
	dead          bool
}

func (ix *index) Write(ctx context.Context, docs []sinks.Document, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return sinks.Receipt{}, err
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	receipt := ix.strays(docs, func(docs []sinks.Document) {
		for _, d := range docs {
			ix.apply(d)
		}
	})
	for i, d := range docs {
		receipt.Bytes += int64(len(d.Body))
		if !ix.target.Forget {
			verdicts[i] = ix.apply(d)
		}
	}
	if fault := ix.target.OnWrite; fault != nil {
		if err := fault(docs, verdicts); err != nil {
			return sinks.Receipt{}, err
		}
	}
	return receipt, nil
}

func (ix *index) apply(d sinks.Document) sinks.Verdict {
	id := string(d.ID)
	was, ok := ix.docs[id]
	switch {
	case ok && d.Version != 0 && d.Version < was.version:
		return sinks.Verdict{Outcome: sinks.Superseded, Status: 409}
	case d.Body != nil && !json.Valid(d.Body):
		return sinks.Verdict{Outcome: sinks.Rejected, Status: 400, Type: "document_parsing_exception", Reason: "not JSON"}
	}
	version := d.Version
	if version == 0 {
		version = was.version + 1
	}
	ix.docs[id] = stored{routing: slices.Clone(d.Routing), body: slices.Clone(d.Body), version: version, dead: d.Body == nil}
	if d.Body == nil {
		return sinks.Verdict{Outcome: sinks.Deleted, Status: 200}
	}
	return sinks.Verdict{Outcome: sinks.Written, Status: 201}
}

func (ix *index) live() []sinks.Document {
	var docs []sinks.Document
	for id, s := range ix.docs {
		if !s.dead {
			docs = append(docs, sinks.Document{ID: []byte(id), Routing: s.routing, Version: s.version, Body: s.body})
		}
	}
	return docs
}

func (ix *index) Seal(_ context.Context, report func(string)) error {
	if lacking := ix.target.Lacking; lacking != "" && report != nil {
		report(sinks.Degraded + lacking)
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	ix.sealed = append(ix.sealed, ix.meta.State)
	return nil
}

func (ix *index) Note(_ context.Context, m sinks.Meta) error {
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	ix.meta = m
	return nil
}

func (ix *index) Count(context.Context) (int64, error) {
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	return int64(len(ix.live())), nil
}

func (ix *index) Scan(ctx context.Context, part, parts int, fn func([]sinks.Document) error) error {
	ix.target.mu.Lock()
	docs := slices.DeleteFunc(ix.live(), func(d sinks.Document) bool {
		h := fnv.New32a()
		_, _ = h.Write(d.ID) // never fails
		return int(h.Sum32())%parts != part
	})
	if fault := ix.target.OnScan; fault != nil {
		docs = fault(docs)
	}
	ix.target.mu.Unlock()
	for page := range slices.Chunk(docs, 100) {
		if err := ctx.Err(); err != nil {
			return err
		}
		if err := fn(page); err != nil {
			return err
		}
	}
	return nil
}

// strays keeps an attempt that its client gave up, if the test wants one; mu is held. The
// client sends again, and says in its receipt that it did.
func (ix *index) strays(docs []sinks.Document, land func([]sinks.Document)) sinks.Receipt {
	if ix.target.Stray == nil || !ix.target.Stray(docs) {
		return sinks.Receipt{Requests: 1}
	}
	kept := make([]sinks.Document, len(docs))
	for i, d := range docs {
		kept[i] = sinks.Document{ID: slices.Clone(d.ID), Routing: slices.Clone(d.Routing), Version: d.Version, Body: slices.Clone(d.Body)}
	}
	ix.target.stray = append(ix.target.stray, func() { land(kept) })
	return sinks.Receipt{Requests: 2, Retries: 1}
}

// InFlightWrites counts what was left behind.
func (ix *index) InFlightWrites(context.Context) (int, error) {
	if ix.target.OnFlight != nil {
		ix.target.OnFlight()
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	if ix.target.Hidden {
		return 0, nil
	}
	return len(ix.target.stray), nil
}
