package memory

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"

	"humpty/sinks"
)

var (
	_ sinks.Getter            = (*index)(nil)
	_ sinks.ConditionalWriter = (*index)(nil)
	_ sinks.DefinitionDiffer  = (*index)(nil)
	_ sinks.Searcher          = (*index)(nil)
	_ sinks.WriteCounter      = (*index)(nil)
)

// Get reads under the lock. The version is what WriteIf must still find.
func (ix *index) Get(ctx context.Context, keys []sinks.Key, found []sinks.Found) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	for i, k := range keys {
		found[i] = sinks.Found{Document: sinks.Document{ID: k.ID, Routing: k.Routing}}
		s, ok := ix.docs[string(k.ID)]
		if ok && !s.dead && string(s.routing) == string(k.Routing) {
			found[i] = sinks.Found{
				Document: sinks.Document{ID: k.ID, Routing: k.Routing, Version: s.version, Body: slices.Clone(s.body)},
				There:    true, SeqNo: strconv.FormatInt(s.version, 10),
			}
		}
	}
	return nil
}

// WriteIf writes what is still as it was seen.
func (ix *index) WriteIf(ctx context.Context, docs []sinks.Document, seen []string, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	if err := ctx.Err(); err != nil {
		return sinks.Receipt{}, err
	}
	if between := ix.target.OnAmend; between != nil {
		between()
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	receipt := ix.strays(docs, func(docs []sinks.Document) { ix.amend(docs, seen, make([]sinks.Verdict, len(docs))) })
	ix.amend(docs, seen, verdicts)
	if fault := ix.target.OnWrite; fault != nil {
		if err := fault(docs, verdicts); err != nil {
			return sinks.Receipt{}, err
		}
	}
	return receipt, nil
}

func (ix *index) amend(docs []sinks.Document, seen []string, verdicts []sinks.Verdict) {
	for i, d := range docs {
		s, ok := ix.docs[string(d.ID)]
		now := ""
		if ok && !s.dead {
			now = strconv.FormatInt(s.version, 10)
		}
		if now != seen[i] {
			verdicts[i] = sinks.Verdict{Outcome: sinks.Superseded, Status: 409}
			continue
		}
		d.Version = 0
		verdicts[i] = ix.apply(d)
	}
}

// DiffDefinition finds what Target.Deviations says.
func (ix *index) DiffDefinition(context.Context, []byte) ([]string, error) {
	return ix.target.Deviations, nil
}

// Search knows one query, {"all":true}, that matches everything.
func (ix *index) Search(_ context.Context, body json.RawMessage, ids []string) (sinks.Hits, error) {
	var q struct {
		All bool `json:"all"`
	}
	if err := json.Unmarshal(body, &q); err != nil || !q.All {
		return sinks.Hits{}, err
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	hits := sinks.Hits{Total: int64(len(ix.live()))}
	for _, id := range ids {
		if s, ok := ix.docs[id]; ok && !s.dead {
			hits.Matched = append(hits.Matched, id)
		}
	}
	return hits, nil
}
