// Package null is a target that keeps nothing: it measures how fast the rest of humpty
// is. Generations and the alias are remembered while the process lives; documents are
// counted and forgotten, so Scan finds none, and only a verification by count can pass.
package null

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"humpty/sinks"
)

// Target is one alias. The zero value is not usable; see New.
type Target struct {
	alias string

	mu      sync.Mutex
	indices map[string]*Index
	live    string
}

// New returns a target without generations.
func New(alias string) *Target {
	return &Target{alias: alias, indices: map[string]*Index{}}
}

// Index is one generation, and what went into it.
type Index struct {
	target  *Target
	name    string
	created time.Time
	meta    sinks.Meta // guarded by the target

	Documents atomic.Int64 // written or deleted so far
	Bytes     atomic.Int64 // of their bodies
}

// Survey says what there is in this process.
func (t *Target) Survey(ctx context.Context) (sinks.Survey, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := sinks.Survey{Product: "null", Alias: t.alias}
	for name, x := range t.indices {
		s.Generations = append(s.Generations, sinks.Generation{Name: name, Meta: x.meta, Created: x.created})
	}
	slices.SortFunc(s.Generations, func(a, b sinks.Generation) int { return cmp.Compare(a.Name, b.Name) })
	if t.live != "" {
		s.Serving = []sinks.Serving{{Index: t.live, Ours: true}}
	}
	return s, ctx.Err()
}

// Create remembers a generation.
func (t *Target) Create(_ context.Context, g sinks.Generation) (sinks.Index, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.indices[g.Name] != nil {
		return nil, fmt.Errorf("generation %s exists already", g.Name)
	}
	g.Meta.Name = g.Name
	x := &Index{target: t, name: g.Name, created: time.Now(), meta: g.Meta}
	t.indices[g.Name] = x
	return x, nil
}

// Open finds a generation.
func (t *Target) Open(_ context.Context, name string) (sinks.Index, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	x := t.indices[name]
	if x == nil {
		return nil, t.notFound(name)
	}
	return x, nil
}

func (t *Target) notFound(name string) error {
	return fmt.Errorf("there is no generation %s of alias %s in this process: %v", name, t.alias, slices.Sorted(maps.Keys(t.indices)))
}

// Swap remembers which generation is live.
func (t *Target) Swap(_ context.Context, change sinks.AliasChange) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.indices[change.To] == nil {
		return t.notFound(change.To)
	}
	t.live = change.To
	return nil
}

// Drop forgets a generation that is not live.
func (t *Target) Drop(_ context.Context, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	switch {
	case t.indices[name] == nil:
		return t.notFound(name)
	case name == t.live:
		return fmt.Errorf("generation %s is not dropped: alias %s serves it", name, t.alias)
	}
	delete(t.indices, name)
	return nil
}

// Write counts the documents: each is written or deleted.
func (x *Index) Write(ctx context.Context, docs []sinks.Document, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	start := time.Now()
	clear(verdicts)
	if err := ctx.Err(); err != nil {
		return sinks.Receipt{}, err
	}
	var bytes int64
	for i := range docs {
		verdicts[i].Outcome = sinks.Written
		if docs[i].Body == nil {
			verdicts[i].Outcome = sinks.Deleted
		}
		bytes += int64(len(docs[i].ID) + len(docs[i].Body))
	}
	x.Documents.Add(int64(len(docs)))
	x.Bytes.Add(bytes)
	return sinks.Receipt{Took: max(time.Since(start), 1), Bytes: bytes, Requests: 1}, nil
}

// Seal has nothing to do.
func (x *Index) Seal(context.Context, func(string)) error { return nil }

// Note remembers the meta; its journal stays as it was: empty.
func (x *Index) Note(_ context.Context, m sinks.Meta) error {
	x.target.mu.Lock()
	defer x.target.mu.Unlock()
	m.Name, m.PendingSettings = x.name, nil
	x.meta = m
	return nil
}

// Count says how many documents were given, so that a verification by count can pass.
func (x *Index) Count(context.Context) (int64, error) { return x.Documents.Load(), nil }

// Scan finds nothing.
func (x *Index) Scan(ctx context.Context, _, _ int, _ func([]sinks.Document) error) error {
	return ctx.Err()
}
