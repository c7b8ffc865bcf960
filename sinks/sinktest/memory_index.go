package sinktest

import (
	"context"
	"encoding/json"
	"hash/fnv"
	"slices"
	"strconv"
	"time"

	"humpty/sinks"
)

// memoryIndex is one generation of a MemoryTarget.
type memoryIndex struct {
	target  *MemoryTarget
	name    string
	meta    sinks.Meta
	docs    map[string]memoryDocument
	created time.Time
	sealed  []sinks.State
	writers map[string]sinks.WriterRole // who may write, by name
}

var (
	_ sinks.Getter            = (*memoryIndex)(nil)
	_ sinks.ConditionalWriter = (*memoryHandle)(nil)
	_ sinks.WriterFence       = (*memoryHandle)(nil)
	_ sinks.DefinitionDiffer  = (*memoryIndex)(nil)
	_ sinks.Searcher          = (*memoryIndex)(nil)
)

// memoryDocument is a document as it is stored; one that was deleted keeps its version.
type memoryDocument struct {
	routing, body []byte
	version       int64
	deleted       bool
}

func (ix *memoryHandle) Write(ctx context.Context, docs []sinks.Document, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return sinks.Receipt{}, err
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	if !ix.may(ix.writer) {
		return sinks.Receipt{}, &sinks.Fenced{Index: ix.name}
	}
	receipt := ix.keepLate(docs, func(docs []sinks.Document) {
		for _, d := range docs {
			ix.apply(d)
		}
	})
	for i, d := range docs {
		receipt.Bytes += int64(len(d.Body))
		if !ix.target.IgnoreWrites {
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

func (ix *memoryIndex) apply(d sinks.Document) sinks.Verdict {
	id := string(d.ID)
	was, ok := ix.docs[id]
	switch {
	case ok && d.HasVersion() && d.Version < was.version:
		return sinks.Verdict{Outcome: sinks.Superseded, Status: 409}
	case ix.target.Refuses != nil && ix.target.Refuses(d):
		return sinks.Verdict{Outcome: sinks.Rejected, Status: 400, Type: "document_parsing_exception", Reason: "refused by the test"}
	case d.Body != nil && !json.Valid(d.Body):
		return sinks.Verdict{Outcome: sinks.Rejected, Status: 400, Type: "document_parsing_exception", Reason: "not JSON"}
	}
	version := d.Version
	if !d.HasVersion() {
		version = was.version + 1
	}
	ix.docs[id] = memoryDocument{routing: slices.Clone(d.Routing), body: slices.Clone(d.Body), version: version, deleted: d.Body == nil}
	if d.Body == nil {
		return sinks.Verdict{Outcome: sinks.Deleted, Status: 200}
	}
	return sinks.Verdict{Outcome: sinks.Written, Status: 201}
}

func (ix *memoryIndex) documents() []sinks.Document {
	var docs []sinks.Document
	for id, s := range ix.docs {
		if !s.deleted {
			docs = append(docs, sinks.Document{ID: []byte(id), Routing: s.routing, Version: s.version, Body: s.body})
		}
	}
	return docs
}

func (ix *memoryIndex) Seal(_ context.Context, report func(string)) error {
	if lacking := ix.target.Degraded; lacking != "" && report != nil {
		report(sinks.Degraded + lacking)
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	ix.sealed = append(ix.sealed, ix.meta.State)
	return nil
}

func (ix *memoryIndex) Note(_ context.Context, m sinks.Meta) error {
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	m.Name = ix.name
	ix.meta = m
	return nil
}

func (ix *memoryIndex) Count(context.Context) (int64, error) {
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	return int64(len(ix.documents())), nil
}

func (ix *memoryIndex) Scan(ctx context.Context, part, parts int, fn func([]sinks.Document) error) error {
	ix.target.mu.Lock()
	docs := slices.DeleteFunc(ix.documents(), func(d sinks.Document) bool {
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

// keepLate keeps an attempt that its client gave up, if the test wants one; mu is held. The
// client sends again, and says in its receipt that it did.
func (ix *memoryHandle) keepLate(docs []sinks.Document, land func([]sinks.Document)) sinks.Receipt {
	if ix.target.LateAttempt == nil || !ix.target.LateAttempt(docs) {
		return sinks.Receipt{Requests: 1}
	}
	kept := make([]sinks.Document, len(docs))
	for i, d := range docs {
		kept[i] = sinks.Document{ID: slices.Clone(d.ID), Routing: slices.Clone(d.Routing), Version: d.Version, Versioned: d.Versioned, Body: slices.Clone(d.Body)}
	}
	ix.target.late = append(ix.target.late, lateAttempt{index: ix.memoryIndex, writer: ix.writer, write: func() { land(kept) }})
	if ix.target.Repeats {
		return sinks.Receipt{Requests: 1}
	}
	return sinks.Receipt{Requests: 2, Retries: 1}
}

// Get reads under the lock. The version is what WriteIf must still find.
func (ix *memoryIndex) Get(ctx context.Context, keys []sinks.Key, found []sinks.Found) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	for i, k := range keys {
		found[i] = sinks.Found{Document: sinks.Document{ID: k.ID, Routing: k.Routing}}
		s, ok := ix.docs[string(k.ID)]
		if ok && !s.deleted && string(s.routing) == string(k.Routing) {
			found[i] = sinks.Found{
				Document: sinks.Document{ID: k.ID, Routing: k.Routing, Version: s.version, Body: slices.Clone(s.body)},
				There:    true, SeqNo: strconv.FormatInt(s.version, 10),
			}
		}
	}
	return nil
}

// WriteIf writes what is still as it was seen.
func (ix *memoryHandle) WriteIf(ctx context.Context, docs []sinks.Document, seen []string, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return sinks.Receipt{}, err
	}
	if between := ix.target.OnWriteIf; between != nil {
		between()
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	if !ix.may(ix.writer) {
		return sinks.Receipt{}, &sinks.Fenced{Index: ix.name}
	}
	receipt := ix.keepLate(docs, func(docs []sinks.Document) { ix.writeIf(docs, seen, make([]sinks.Verdict, len(docs))) })
	ix.writeIf(docs, seen, verdicts)
	if fault := ix.target.OnWrite; fault != nil {
		if err := fault(docs, verdicts); err != nil {
			return sinks.Receipt{}, err
		}
	}
	return receipt, nil
}

func (ix *memoryIndex) writeIf(docs []sinks.Document, seen []string, verdicts []sinks.Verdict) {
	for i, d := range docs {
		s, ok := ix.docs[string(d.ID)]
		now := ""
		if ok && !s.deleted {
			now = strconv.FormatInt(s.version, 10)
		}
		if now != seen[i] {
			verdicts[i] = sinks.Verdict{Outcome: sinks.Superseded, Status: 409}
			continue
		}
		d.Version, d.Versioned = 0, false
		verdicts[i] = ix.apply(d)
	}
}

// DiffDefinition finds what Target.Deviations says.
func (ix *memoryIndex) DiffDefinition(context.Context, []byte) ([]string, error) {
	return ix.target.Deviations, nil
}

// Search knows one query, {"all":true}, that matches everything.
func (ix *memoryIndex) Search(_ context.Context, body json.RawMessage, ids []string) (sinks.Hits, error) {
	var q struct {
		All bool `json:"all"`
	}
	if err := json.Unmarshal(body, &q); err != nil || !q.All {
		return sinks.Hits{}, err
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	hits := sinks.Hits{Total: int64(len(ix.documents()))}
	for _, id := range ids {
		if s, ok := ix.docs[id]; ok && !s.deleted {
			hits.Matched = append(hits.Matched, id)
		}
	}
	return hits, nil
}
