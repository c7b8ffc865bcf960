package projector

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
	"humpty/sinks"
	"humpty/sources"
)

// handover is how a catcher writes to an index that the application writes to: the index
// is read before the source, and a document is written only if it still is what was seen
// then. It remembers what it wrote, first durably, and what it is not sure of.
type handover struct {
	catcher *catcher
	getter  sinks.Getter
	amender sinks.ConditionalWriter
	store   *checkpoint.Store

	mu       sync.Mutex
	ours     map[string]bool // written since the swap, by any process; only they concern us after the first pass
	open     map[string]bool // of these: superseded, or an attempt had no answer
	restless map[string]bool // of these: read again in this pass
	later    bool            // behind the first pass
}

// newHandover makes a catcher write on condition. What an earlier process wrote is open.
func newHandover(c *catcher) (*handover, error) {
	h := &handover{catcher: c, store: c.store, ours: map[string]bool{}, open: map[string]bool{}}
	var gets, amends bool
	h.getter, gets = c.index.(sinks.Getter)
	h.amender, amends = c.index.(sinks.ConditionalWriter)
	if !gets || !amends {
		return nil, errNoHandover
	}
	err := c.store.Written(func(id []byte) {
		if !c.rules.forgetTouched {
			h.ours[string(id)], h.open[string(id)] = true, true
		}
	})
	c.handover = h
	return h, err
}

// begin starts a pass and takes what has to be read again in it, whatever its marks.
func (h *handover) begin() map[string]bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	open := h.open
	h.later, h.open, h.restless = true, map[string]bool{}, map[string]bool{}
	if h.catcher.rules.trustUnknown {
		return nil
	}
	return open
}

// clean reports whether the pass had nothing to read again.
func (h *handover) clean() bool {
	h.mu.Lock()
	defer h.mu.Unlock()
	return len(h.restless) == 0 && (len(h.open) == 0 || h.catcher.rules.trustUnknown)
}

// again reads documents again that have no marks.
func (h *handover) again(ctx context.Context, open map[string]bool) error {
	l := h.catcher.lanes(ctx)
	for id := range open {
		l.add([]byte(id), nil)
	}
	_, err := l.wait(&report.Round{})
	return err
}

// do brings one portion up to date. Behind the first pass others than ours are left to
// the application: it has written them since the swap.
func (h *handover) do(ctx context.Context, ids [][]byte) (sources.TxSnapshot, error) {
	h.mu.Lock()
	if h.later {
		ids = slices.DeleteFunc(slices.Clone(ids), func(id []byte) bool { return !h.ours[string(id)] })
		for _, id := range ids {
			h.restless[string(id)] = true
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
	if err := h.catcher.view.Lookup(ctx, ids, &batch); err != nil {
		return sources.TxSnapshot{}, err
	}
	h.catcher.ledger.AddRejected(batch.Records)
	docs, seen := differing(documents(nil, batch.Records, 0), found)
	if err := h.touch(docs); err != nil {
		return sources.TxSnapshot{}, err
	}
	crashpoint.At("touched recorded")
	return batch.Snapshot, h.amend(ctx, docs, seen, began)
}

// differing are the documents that the index does not have so, and what was seen of each.
func differing(docs []sinks.Document, found []sinks.Found) (differ []sinks.Document, seen []string) {
	there := make(map[string]*sinks.Found, len(found))
	for i := range found {
		there[string(found[i].ID)] = &found[i]
	}
	var want, have canonjson.Form
	for _, d := range docs {
		f := there[string(d.ID)]
		if !f.There && d.Body == nil || f.There && same(&want, &have, d.Body, f.Body) {
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

// touch notes what will be written, before it is.
func (h *handover) touch(docs []sinks.Document) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	var ids [][]byte
	for _, d := range docs {
		if !h.ours[string(d.ID)] {
			ids = append(ids, d.ID)
		}
	}
	if len(ids) == 0 {
		return nil
	}
	if err := h.store.RecordWritten(ids); err != nil {
		return err
	}
	for _, id := range ids {
		h.ours[string(id)] = true
	}
	return nil
}

func (h *handover) amend(ctx context.Context, docs []sinks.Document, seen []string, read time.Time) error {
	if len(docs) == 0 {
		return nil
	}
	verdicts := make([]sinks.Verdict, len(docs))
	c := h.catcher
	receipt, err := c.paced(ctx, docs, read, func() (sinks.Receipt, error) { return h.amender.WriteIf(ctx, docs, seen, verdicts) })
	crashpoint.At("touched written")
	n := int64(len(docs))
	c.ledger.AddInput(sources.Counts{Read: n, Used: n})
	c.ledger.AddVerdicts(docs, verdicts, receipt)
	if err != nil {
		return err
	}
	unknown := map[string]bool{}
	for i, v := range verdicts {
		if v.Outcome == sinks.Superseded || receipt.Retries > receipt.Throttled {
			unknown[string(docs[i].ID)] = true
		}
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	maps.Copy(h.open, unknown)
	return decided(docs, verdicts)
}
