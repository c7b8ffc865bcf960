package catchup

import (
	"bytes"
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"humpty/internal/canonjson"
	"humpty/internal/crashpoint"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// Handover is how rounds write to an index that the application writes to: the index
// is read before the source, and a document is written only if it still is what was seen
// then, or, where documents have the versions of their rows, if nothing newer is there. It remembers what it wrote, first durably, and what it is not sure of.
type Handover struct {
	rounds      *Rounds
	getter      sinks.Getter
	conditional sinks.ConditionalWriter
	store       *checkpoint.Store

	mu          sync.Mutex
	written     map[string]bool // written since the swap, by any process, and not given away; only they concern us after the first pass
	unresolved  map[string]bool // of these: superseded, or an attempt had no answer
	rewritten   map[string]bool // of these: read again in this pass
	unseen      map[string]int  // how often the index did not take a row's version, and showed no newer one
	behindFirst bool            // behind the first pass
}

// NewHandover makes rounds write on condition. What an earlier process wrote is open.
func NewHandover(r *Rounds) (*Handover, error) {
	h := &Handover{rounds: r, store: r.Store, written: map[string]bool{}, unresolved: map[string]bool{}, unseen: map[string]int{}}
	var gets, amends bool
	h.getter, gets = r.Writer.Index.(sinks.Getter)
	h.conditional, amends = r.Writer.Index.(sinks.ConditionalWriter)
	if !gets || !amends {
		return nil, ErrNoHandover
	}
	err := r.Store.Swap.Written(func(id []byte) {
		if !r.Rules.ForgetsWritten() {
			h.written[string(id)], h.unresolved[string(id)] = true, true
		}
	})
	r.handover = h
	return h, err
}

// begin starts a pass and takes what has to be read again in it, whatever its marks.
func (h *Handover) begin() map[string]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	open := h.unresolved
	h.behindFirst, h.unresolved, h.rewritten = true, map[string]bool{}, map[string]bool{}
	if h.rounds.Rules.TrustsUnknown() {
		return nil
	}
	return open
}

// clean reports whether the pass had nothing to read again.
func (h *Handover) clean() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.rewritten) == 0 && (len(h.unresolved) == 0 || h.rounds.Rules.TrustsUnknown())
}

// giveAway leaves those documents to the application that a pass did not have to read again: no
// write of ours was under way when it began, so what we wrote last is there, and nothing has
// changed between our reading and its fence. What comes later the application writes. Each
// document is given away by itself: among many there would never be a pass that none changes in.
func (h *Handover) giveAway() {
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.DeleteFunc(h.written, func(id string, _ bool) bool { return !h.rewritten[id] && !h.unresolved[id] })
}

// reread reads documents again that have no marks.
func (h *Handover) reread(ctx context.Context, open map[string]bool) error {
	l := h.rounds.Reread(ctx)
	for id := range open {
		l.Add([]byte(id), nil)
	}
	_, err := l.Wait(&report.Round{})
	return err
}

// do brings one keyBatch up to date. Behind the first pass others than ours are left to
// the application: it has written them since the swap.
func (h *Handover) do(ctx context.Context, ids [][]byte) (sources.TxSnapshot, error) {
	h.mu.Lock()
	if h.behindFirst {
		ids = slices.DeleteFunc(slices.Clone(ids), func(id []byte) bool { return !h.written[string(id)] })
		for _, id := range ids {
			h.rewritten[string(id)] = true
		}
	}
	h.mu.Unlock()
	if len(ids) == 0 {
		return sources.TxSnapshot{Min: ^uint64(0), Max: ^uint64(0)}, nil
	}
	keys, found := make([]sinks.Key, len(ids)), make([]sinks.Found, len(ids))
	for i, id := range ids {
		keys[i].ID = id
	}
	if err := h.getter.Get(ctx, keys, found); err != nil {
		return sources.TxSnapshot{}, err
	}
	began, batch := time.Now(), sources.Batch{}
	if err := h.rounds.lookup(ctx, ids, &batch); err != nil {
		return sources.TxSnapshot{}, err
	}
	if h.rounds.Writer.ByRow {
		return batch.Snapshot, h.writeRows(ctx, &batch, found, began)
	}
	h.rounds.Writer.Book.AddRejected(batch.Records)
	docs, seen := h.differing(write.Documents(nil, batch.Records, 0), found)
	if err := h.recordWritten(docs); err != nil {
		return sources.TxSnapshot{}, err
	}
	crashpoint.At("touched recorded")
	err := h.writeIf(ctx, docs, seen, began)
	if err == nil {
		err = h.rounds.keepRefusals()
	}
	return batch.Snapshot, err
}

// differing are the documents that the index does not have so, and what was seen of each. The
// others are right, whatever was refused before.
func (h *Handover) differing(docs []sinks.Document, found []sinks.Found) (differ []sinks.Document, seen []string) {
	there := byID(found)
	var want, have canonjson.Form
	for _, d := range docs {
		f := there[string(d.ID)]
		if !f.There && d.Body == nil || f.There && same(&want, &have, d.Body, f.Body) {
			h.rounds.Writer.Book.Refusals().Settle(d.ID)
			continue
		}
		differ, seen = append(differ, d), append(seen, f.SeqNo)
	}
	return differ, seen
}

func same(want, have *canonjson.Form, a, b []byte) bool {
	if a == nil || bytes.Equal(a, b) {
		return a != nil
	}
	x, err := want.Of(a)
	if err != nil {
		return false
	}
	y, err := have.Of(b)
	return err == nil && bytes.Equal(x, y)
}

// recordWritten notes what will be written, before it is.
func (h *Handover) recordWritten(docs []sinks.Document) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids [][]byte
	for _, d := range docs {
		if !h.written[string(d.ID)] {
			ids = append(ids, d.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := h.store.Swap.RecordWritten(ids); err != nil {
		return err
	}
	for _, id := range ids {
		h.written[string(id)] = true
	}
	return nil
}

func (h *Handover) writeIf(ctx context.Context, docs []sinks.Document, seen []string, read time.Time) error {
	if len(docs) == 0 {
		return nil
	}
	return h.rounds.Writer.IfUnchanged(ctx, h.conditional, docs, seen, read, func(ids map[string]bool) {
		h.mu.Lock()
		defer h.mu.Unlock()
		maps.Copy(h.unresolved, ids)
	})
}
