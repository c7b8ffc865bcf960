package memory

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"humpty/sinks"
)

// Target keeps generations in memory under one lock, with the version rule of a real one.
type Target struct {
	Name string // the alias

	Hooks
	lease

	mu        sync.Mutex
	stray     []func() // under mu
	indices   map[string]*index
	serving   []string
	closed    bool // the alias refuses writes
	blocked   map[string]bool
	concrete  *sinks.ConflictingIndex
	snapshots map[string]snapshot
}

// Hooks let a test fail a target in ways that real servers cannot be made to; each may be nil.
type Hooks struct {
	// OnWrite may change the documents and verdicts of one
	// write after it was done, as a broken target would; its error is Write's.
	// With Forget the write is not done at all before OnWrite is called.
	Forget  bool
	OnWrite func(docs []sinks.Document, verdicts []sinks.Verdict) error
	OnScan  func(docs []sinks.Document) []sinks.Document
	OnSwap  func(sinks.AliasChange) error

	OnBlock    func()                           // called behind Block: to wait for writes that are under way
	OnAmend    func()                           // called before documents are amended
	OnFlight   func()                           // called before writes under way are counted
	Stray      func(docs []sinks.Document) bool // a write leaves an attempt behind that has no answer and goes on: see Land
	Hidden     bool                             // what goes on is held by a proxy: InFlight does not see it
	Deviations []string                         // what every index says where it is not as it was asked for
	Lacking    string                           // what a seal gives up waiting for
}

var (
	_ sinks.Target       = (*Target)(nil)
	_ sinks.Leases       = (*Target)(nil)
	_ sinks.Blocker      = (*Target)(nil)
	_ sinks.Snapshots    = (*Target)(nil)
	_ sinks.EarlyServing = (*Target)(nil)
)

// ServeEarly lets searches see a generation, and refuses writes through the alias.
func (t *Target) ServeEarly(ctx context.Context, name string) error {
	return t.Swap(ctx, sinks.AliasChange{Alias: t.Name, To: name, Actions: []sinks.AliasAction{
		{Verb: "add", Index: name, Alias: t.Name, WriteIndex: new(bool)},
	}})
}

// Occupy puts an index on the alias's name, as a writer does after a loss.
func (t *Target) Occupy(documents int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.concrete = &sinks.ConflictingIndex{Index: t.Name, Documents: documents}
}

// Lose deletes an index with its alias, as somebody does in the wrong terminal.
func (t *Target) Lose(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.indices, name)
	t.serving = slices.DeleteFunc(t.serving, func(s string) bool { return s == name })
}

// Survey lists what there is.
func (t *Target) Survey(context.Context) (sinks.Survey, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := sinks.Survey{Product: "memory", Version: "1", Cluster: "memory", Alias: t.Name, Conflict: t.concrete}
	for _, name := range t.serving {
		served := sinks.Serving{Index: name, Ours: true, Documents: int64(len(t.indices[name].live()))}
		if t.closed {
			served.WriteIndex = new(bool)
		}
		s.Serving = append(s.Serving, served)
	}
	for name, ix := range t.indices {
		s.Generations = append(s.Generations, sinks.Generation{
			Name: name, Meta: ix.meta, Documents: int64(len(ix.live())), Created: ix.created,
		})
	}
	slices.SortFunc(s.Generations, func(a, b sinks.Generation) int { return a.Created.Compare(b.Created) })
	return s, nil
}

// Create makes an empty generation.
func (t *Target) Create(_ context.Context, g sinks.Generation) (sinks.Index, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, exists := t.indices[g.Name]; exists {
		return nil, fmt.Errorf("index %s exists", g.Name)
	}
	if t.indices == nil {
		t.indices = map[string]*index{}
	}
	ix := &index{target: t, name: g.Name, meta: g.Meta, docs: map[string]stored{}, created: time.Now()}
	t.indices[g.Name] = ix
	return ix, nil
}

// Open finds a generation.
func (t *Target) Open(_ context.Context, name string) (sinks.Index, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ix, ok := t.indices[name]; ok {
		return ix, nil
	}
	return nil, fmt.Errorf("index %s is not a generation of %s", name, t.Name)
}

// Swap applies the actions under the lock.
func (t *Target) Swap(_ context.Context, change sinks.AliasChange) error {
	if t.OnSwap != nil {
		if err := t.OnSwap(change); err != nil {
			return err
		}
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.closed = !change.Writable()
	for _, a := range change.Actions {
		switch a.Verb {
		case "add":
			if !slices.Contains(t.serving, a.Index) {
				t.serving = append(t.serving, a.Index)
			}
		case "remove":
			t.serving = slices.DeleteFunc(t.serving, func(s string) bool { return s == a.Index })
		case "remove_index":
			t.concrete = nil
		}
	}
	slices.Sort(t.serving)
	t.serving = slices.Compact(t.serving)
	return nil
}

// Drop forgets a generation that is not served.
func (t *Target) Drop(_ context.Context, name string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if slices.Contains(t.serving, name) {
		return fmt.Errorf("index %s serves alias %s", name, t.Name)
	}
	if _, ok := t.indices[name]; !ok {
		return fmt.Errorf("index %s is not a generation of %s", name, t.Name)
	}
	delete(t.indices, name)
	return nil
}

// Block refuses writes to an index.
func (t *Target) Block(_ context.Context, name string) error {
	err := t.block(name, true)
	if t.OnBlock != nil {
		t.OnBlock()
	}
	return err
}

// Unblock allows them again.
func (t *Target) Unblock(_ context.Context, name string) error { return t.block(name, false) }

func (t *Target) block(name string, on bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blocked == nil {
		t.blocked = map[string]bool{}
	}
	t.blocked[name] = on
	return nil
}

// Blocked reports whether writes to an index are refused.
func (t *Target) Blocked(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.blocked[name]
}

// Sealed returns the states that a generation was sealed in.
func (t *Target) Sealed(name string) []sinks.State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.indices[name].sealed)
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
