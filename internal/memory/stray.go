package memory

import (
	"context"
	"fmt"
	"slices"

	"humpty/sinks"
)

var _ sinks.WriteCounter = (*index)(nil)

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

// Land lets attempts take effect that were left behind, oldest first: all if n < 0.
func (t *Target) Land(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n < 0 || n > len(t.stray) {
		n = len(t.stray)
	}
	for _, land := range t.stray[:n] {
		land()
	}
	t.stray = t.stray[n:]
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

// Put writes a document to what the alias serves, without a version, as an application
// does; an empty body deletes.
func (t *Target) Put(id, body string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range t.serving {
		d := sinks.Document{ID: []byte(id)}
		if body != "" {
			d.Body = []byte(body)
		}
		if v := t.indices[name].apply(d); v.Outcome == sinks.Rejected {
			return fmt.Errorf("document %s: %s", id, v.Reason)
		}
	}
	return nil
}
