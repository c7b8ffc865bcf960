package fold

import (
	"context"

	"humpty/projector/fold/spill"
)

// ahead is the documents that a fold makes several at a time: those that come next are handed
// to it together, since each handover costs as much as some tens of events.
type ahead struct {
	bulk      Bulk
	prepared  int // documents that were handed over and not asked for yet
	bytes     int // of those that are gathered
	documents []Document
	events    []Event
	counts    []int // events of each of the documents: events may move while it grows
}

// aheadBytes and aheadDocuments bound what is handed over together, and so what is waited
// for when a run is stopped.
const (
	aheadBytes     = 128 << 10
	aheadDocuments = 256
)

func (a *ahead) reset() {
	a.bytes, a.documents, a.events, a.counts = 0, a.documents[:0], a.events[:0], a.counts[:0]
}

func (a *ahead) full() bool { return a.bytes >= aheadBytes || len(a.documents) >= aheadDocuments }

// add gathers a document. Its entries are used up.
func (a *ahead) add(m *builder, key []byte, entries []spill.Entry) {
	for i := range entries {
		a.events = append(a.events, m.eventOf(&entries[i]))
		a.bytes += len(entries[i].Value) + 64
	}
	a.documents = append(a.documents, Document{Key: key})
	a.counts = append(a.counts, len(entries))
	a.bytes += len(key)
}

// handOver has the gathered documents made.
func (a *ahead) handOver(ctx context.Context) error {
	at := 0
	for i, n := range a.counts {
		a.documents[i].Events = a.events[at : at+n]
		at += n
	}
	a.prepared = len(a.documents)
	return a.bulk.Prepare(ctx, a.documents)
}

// prepareNext has the present document made, unless it is already.
func (m *builder) prepareNext(ctx context.Context, key []byte) error {
	a := m.ahead
	if a.prepared == 0 {
		a.reset()
		a.add(m, key, m.entries)
		if err := a.handOver(ctx); err != nil {
			return err
		}
	}
	a.prepared--
	return nil
}

// prepareGroups has the next documents of the present pass made.
func (r *reader) prepareGroups(ctx context.Context) error {
	a := r.ahead
	if a == nil || a.prepared > 0 {
		return nil
	}
	a.reset()
	for at := r.at; at < len(r.events.Groups) && !a.full(); at++ {
		if entries, wanted := r.entriesOf(r.events.Groups[at]); wanted {
			a.add(&r.builder, r.events.Key(r.events.Groups[at]), entries)
		}
	}
	return a.handOver(ctx)
}
