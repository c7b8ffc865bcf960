package catchup

import (
	"context"
	"errors"
	"slices"
	"time"

	"humpty/internal/canonjson"
	"humpty/internal/crashpoint"
	"humpty/projector/write"
	"humpty/sinks"
	"humpty/sources"
)

// ErrNoStoredVersions is for targets that do not tell with which version they hold a document.
var ErrNoStoredVersions = errors.New("this target does not tell the version of single documents, which a deletion has to carry: version: {column: …} with consistency: live is not possible with it")

// rowTries is how often a document is written whose version the index does not take, though it
// shows no newer one: it remembers that of a deletion, or an application inserts and deletes it
// again and again.
const rowTries = 3

// writeByRow is writeAll where each document has the version of its row. At first the rows are
// read, and those that are there are written. Of what is left, which was deleted or superseded, the
// index is read and then the rows again: an application writes to the index what it has
// committed, so a version that the index had is one that the row had reached. A deletion carries
// it: it deletes nothing newer, and does not lock out what is inserted later. A row that has a
// smaller one went back, and is refused.
//
// A row may change without its version, against the user's word. Then a late attempt of ours could
// win over a later one, so everything in doubt is read again behind the next change of the
// writer's name, not only deletions.
func (l *keyWorkers) writeByRow(p keyBatch) (sources.TxSnapshot, error) {
	saw, open, err := l.writeThere(p)
	for tries := 1; err == nil && len(open) > 0; tries++ {
		open, err = l.writeOpen(open, tries == rowTries)
	}
	if err == nil {
		err = l.rounds.keepRefusals()
	}
	if err == nil {
		err = l.rounds.doubts.postpone(l.rounds, p.ids)
	}
	return saw, err
}

// writeThere writes the rows that are there, and returns the ids of all others.
func (l *keyWorkers) writeThere(p keyBatch) (saw sources.TxSnapshot, open [][]byte, err error) {
	began, batch := time.Now(), sources.Batch{}
	if err := l.rounds.lookup(l.ctx, p.ids, &batch); err != nil {
		return saw, nil, err
	}
	if err := l.settleEarly(p, batch.Snapshot); err != nil {
		return saw, nil, err
	}
	gone := deletedOf(&batch)
	batch.Records = slices.DeleteFunc(batch.Records, func(r sources.Record) bool { return r.Deleted && r.Reject == "" })
	newer, err := l.writeRows(&batch, len(p.ids)-len(gone), nil, false, began)
	return batch.Snapshot, append(gone, newer...), err
}

// writeOpen reads the index and then the rows, and returns the ids of what is still not decided.
func (l *keyWorkers) writeOpen(ids [][]byte, last bool) ([][]byte, error) {
	getter, ok := l.rounds.Writer.Index.(sinks.Getter)
	if !ok {
		return nil, ErrNoStoredVersions
	}
	stored, err := write.ReadStored(l.ctx, getter, ids)
	if err != nil {
		return nil, err
	}
	began, batch := time.Now(), sources.Batch{}
	if err := l.rounds.lookup(l.ctx, ids, &batch); err != nil {
		return nil, err
	}
	l.countDeleted(len(deletedOf(&batch)))
	return l.writeRows(&batch, len(ids), stored, last, began)
}

func (l *keyWorkers) writeRows(batch *sources.Batch, asked int, stored write.Stored, last bool, began time.Time) (open [][]byte, err error) {
	r := l.rounds
	done, err := r.Writer.Rows(l.ctx, batch, asked, stored, last, began)
	if err != nil {
		return nil, err
	}
	if done.Unknown {
		ids := make([][]byte, len(batch.Records))
		for i := range batch.Records {
			ids[i] = batch.Records[i].Key
		}
		r.doubts.add(ids)
	}
	return done.Newer, nil
}

// writeRows brings documents up to date whose versions are those of their rows, in an index that the
// application writes to. found is what the index had before the rows were read.
func (h *Handover) writeRows(ctx context.Context, batch *sources.Batch, found []sinks.Found, read time.Time) error {
	there := byID(found)
	batch.Records = slices.DeleteFunc(batch.Records, func(r sources.Record) bool {
		equal := h.holds(there[string(r.Key)], &r)
		if equal {
			h.rounds.Writer.Book.Refusals().Settle(r.Key)
		}
		return equal
	})
	if len(batch.Records) == 0 {
		return nil
	}
	docs := write.Documents(nil, batch.Records, 0)
	if err := h.recordWritten(docs); err != nil {
		return err
	}
	crashpoint.At("touched recorded")
	stored := write.StoredOf(found)
	for _, last := range []bool{false, true} {
		some := h.tried(batch, last)
		if len(some.Records) == 0 {
			continue
		}
		done, err := h.rounds.Writer.Rows(ctx, some, len(some.Records), stored, last, read)
		if err != nil {
			return err
		}
		crashpoint.At("touched written")
		h.resolve(some, done)
	}
	return h.rounds.keepRefusals()
}

// holds reports whether the index has a row with its version.
func (h *Handover) holds(f *sinks.Found, r *sources.Record) bool {
	if r.Reject != "" || r.Deleted {
		return r.Reject == "" && !f.There
	}
	var want, have canonjson.Form
	return f.There && f.Version == r.Version && same(&want, &have, r.Value, f.Body)
}

// tried are the records that were tried often enough without a newer version to be seen, or the others.
func (h *Handover) tried(batch *sources.Batch, often bool) *sources.Batch {
	h.mu.Lock()
	defer h.mu.Unlock()
	some := &sources.Batch{}
	for _, r := range batch.Records {
		if (h.unseen[string(r.Key)] >= rowTries) == often {
			some.Records = append(some.Records, r)
		}
	}
	return some
}

// resolve notes what is to be read again in the next pass: what the index did not take, and what
// may still land.
func (h *Handover) resolve(batch *sources.Batch, done write.Written) {
	h.mu.Lock()
	defer h.mu.Unlock()
	for _, id := range done.Newer {
		h.unseen[string(id)]++
		h.unresolved[string(id)] = true
	}
	for i := range batch.Records {
		if done.Unknown {
			h.unresolved[string(batch.Records[i].Key)] = true
		}
	}
}

func byID(found []sinks.Found) map[string]*sinks.Found {
	there := make(map[string]*sinks.Found, len(found))
	for i := range found {
		there[string(found[i].ID)] = &found[i]
	}
	return there
}
