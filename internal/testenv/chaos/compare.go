package chaos

import (
	"context"
	"fmt"
	"maps"
	"slices"

	"humpty/projector"
	"humpty/sinks"
)

// Wrong is the error of a history after which the index is not what the oracle says.
type Wrong struct {
	Seed                  uint64
	Mode                  projector.Writer
	Missing, Stale, Extra []string
	First                 string // of the stale ones: both forms
}

func (w *Wrong) Error() string {
	return fmt.Sprintf("after a history with writer %s, %d documents are missing %v, %d are stale %v, %d are extra %v\n%s",
		w.Mode, len(w.Missing), w.Missing, len(w.Stale), w.Stale, len(w.Extra), w.Extra, w.First)
}

// live is the index that serves.
func (w *world) live(ctx context.Context) (string, error) {
	survey, err := w.target.Survey(ctx)
	return survey.Live(), err
}

// right is nil if the index that serves is what the oracle says, and status says so.
func (h *history) right(ctx context.Context) error {
	documents, wrong, err := h.compare(ctx)
	h.report.Documents = documents
	if err != nil {
		return err
	}
	if wrong != nil {
		return wrong
	}
	live, err := h.live(ctx)
	if err != nil {
		return err
	}
	said, err := h.engine.status(ctx)
	if err != nil {
		return err
	}
	if len(said.Serving) != 1 || said.Live() != live || h.unsettled == nil && said.Serving[0].Documents != int64(documents) {
		return fmt.Errorf("status says that the alias serves %+v: it is %s with %d documents", said.Serving, live, documents)
	}
	return nil
}

// compare holds the index that serves against the oracle, and counts what must be there.
func (h *history) compare(ctx context.Context) (int, *Wrong, error) {
	oracle, err := newOracle(ctx, h.dsn, h.schema.oracle)
	if err != nil {
		return 0, nil, err
	}
	defer oracle.close(ctx)
	want, err := oracle.documents(ctx)
	if err != nil {
		return 0, nil, err
	}
	live, err := h.live(ctx)
	if err != nil {
		return 0, nil, err
	}
	index, err := h.target.Open(ctx, live)
	if err != nil {
		return 0, nil, err
	}
	if _, err := index.Count(ctx); err != nil { // refreshes
		return 0, nil, err
	}
	have := map[string]string{}
	err = index.Scan(ctx, 0, 1, func(docs []sinks.Document) error {
		for _, d := range docs {
			have[string(d.ID)] = string(d.Body)
		}
		return nil
	})
	if err != nil {
		return 0, nil, err
	}
	if h.unsettled != nil {
		for _, id := range h.unsettled.First {
			delete(want, id)
			delete(have, id)
		}
	}
	return len(want), h.differ(want, have), nil
}

func (h *history) differ(want, have map[string]string) *Wrong {
	wrong := &Wrong{Seed: h.plan.Seed, Mode: h.plan.Mode}
	for _, id := range slices.Sorted(maps.Keys(want)) {
		switch got, there := have[id]; {
		case !there:
			wrong.Missing = append(wrong.Missing, id)
		case got != want[id]:
			wrong.Stale = append(wrong.Stale, id)
			wrong.First = "is   " + got + "\nwant " + want[id]
		}
		delete(have, id)
	}
	wrong.Extra = slices.Sorted(maps.Keys(have))
	if len(wrong.Missing)+len(wrong.Stale)+len(wrong.Extra) == 0 {
		return nil
	}
	return wrong
}
