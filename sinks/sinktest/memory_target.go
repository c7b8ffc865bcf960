package sinktest

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"humpty/sinks"
)

// MemoryTarget keeps generations in memory under one lock, with the version rule of a real one.
type MemoryTarget struct {
	Name string // the alias

	Hooks
	memoryLease

	mu        sync.Mutex
	late      []lateAttempt // under mu
	writers   int64         // names given
	restarts  int
	indices   map[string]*memoryIndex
	serving   []string
	closed    bool // the alias refuses writes
	blocked   map[string]bool
	conflict  *sinks.ConflictingIndex
	snapshots map[string]memorySnapshot
}

// Hooks let a test fail a target in ways that real servers cannot be made to; each may be nil.
type Hooks struct {
	// OnWrite may change the documents and verdicts of one write after it was done, as a broken
	// target would; its error is Write's. With IgnoreWrites the write is not done at all before
	// OnWrite is called.
	IgnoreWrites bool
	OnWrite      func(docs []sinks.Document, verdicts []sinks.Verdict) error
	Refuses      func(sinks.Document) bool // documents that are rejected; called under the target's lock
	OnScan       func(docs []sinks.Document) []sinks.Document
	OnSwap       func(sinks.AliasChange) error

	OnBlock      func()                           // called behind Block: to wait for writes that are under way
	OnWriteIf    func()                           // called before documents are amended
	OnFence      func()                           // called before a writer is shut out
	LateAttempt  func(docs []sinks.Document) bool // a write leaves an attempt behind that has no answer and goes on: see Land
	Repeats      bool                             // it is a proxy that sends again: the client had an answer, and does not know of it
	HideInFlight bool                             // what is under way is held by a proxy: it is not waited for when a writer is shut out
	Properties   sinks.Serving                    // of the alias, on whatever it serves: its routing
	Deviations   []string                         // what every index says where it is not as it was asked for
	Degraded     string                           // what a seal gives up waiting for
}

var (
	_ sinks.Target       = (*MemoryTarget)(nil)
	_ sinks.Leases       = (*MemoryTarget)(nil)
	_ sinks.Blocker      = (*MemoryTarget)(nil)
	_ sinks.Snapshots    = (*MemoryTarget)(nil)
	_ sinks.EarlyServing = (*MemoryTarget)(nil)
	_ sinks.WriterFencer = (*MemoryTarget)(nil)
	_ sinks.AliasViewer  = (*MemoryTarget)(nil)
)

// ServeEarly lets searches see a generation, and refuses writes through the alias.
func (t *MemoryTarget) ServeEarly(ctx context.Context, name string) error {
	return t.Swap(ctx, sinks.AliasChange{Alias: t.Name, To: name, Actions: []sinks.AliasAction{
		{Verb: "add", Index: name, Alias: t.Name, WriteIndex: new(bool)},
	}})
}

// Occupy puts an index on the alias's name, as a writer does after a loss.
func (t *MemoryTarget) Occupy(documents int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.conflict = &sinks.ConflictingIndex{Index: t.Name, Documents: documents}
}

// Lose deletes an index with its alias, as somebody does in the wrong terminal.
func (t *MemoryTarget) Lose(name string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.indices, name)
	t.serving = slices.DeleteFunc(t.serving, func(s string) bool { return s == name })
}

// Survey lists what there is.
func (t *MemoryTarget) Survey(context.Context) (sinks.Survey, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := sinks.Survey{Product: "memory", Version: "1", Cluster: "memory", Alias: t.Name, Conflict: t.conflict}
	for _, name := range t.serving {
		served := t.Properties
		served.Index, served.Ours, served.Documents = name, true, int64(len(t.indices[name].documents()))
		if t.closed {
			served.WriteIndex = new(bool)
		}
		s.Serving = append(s.Serving, served)
	}
	for name, ix := range t.indices {
		s.Generations = append(s.Generations, sinks.Generation{
			Name: name, Meta: ix.meta, Documents: int64(len(ix.documents())), Created: ix.created,
		})
	}
	slices.SortFunc(s.Generations, func(a, b sinks.Generation) int { return a.Created.Compare(b.Created) })
	return s, nil
}

// ViewThrough counts as if each routing had a shard of its own; it knows no filters.
func (t *MemoryTarget) ViewThrough(_ context.Context, add sinks.AliasAction) (v sinks.AliasView, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ix, ok := t.indices[add.Index]
	if !ok {
		return v, fmt.Errorf("there is no index %s", add.Index)
	}
	for _, d := range ix.documents() {
		placed := cmp.Or(string(d.Routing), string(d.ID))
		v.Documents++
		v.Matching++
		if add.SearchRouting == "" || slices.Contains(strings.Split(add.SearchRouting, ","), placed) {
			v.Searched++
		}
		if add.Routing == "" || add.Routing == placed {
			v.Addressed++
		}
	}
	return v, nil
}

// Create makes an empty generation.
func (t *MemoryTarget) Create(_ context.Context, g sinks.Generation) (sinks.Index, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, exists := t.indices[g.Name]; exists {
		return nil, fmt.Errorf("index %s exists", g.Name)
	}
	if t.indices == nil {
		t.indices = map[string]*memoryIndex{}
	}
	g.Meta.Name = g.Name
	ix := &memoryIndex{target: t, name: g.Name, meta: g.Meta, docs: map[string]memoryDocument{}, created: time.Now()}
	t.indices[g.Name] = ix
	return &memoryHandle{memoryIndex: ix, writer: ix.newWriter(sinks.LeaseWriter)}, nil
}

// Open finds a generation.
func (t *MemoryTarget) Open(_ context.Context, name string) (sinks.Index, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if ix, ok := t.indices[name]; ok {
		return &memoryHandle{memoryIndex: ix}, nil
	}
	return nil, fmt.Errorf("index %s is not a generation of %s", name, t.Name)
}

// Swap applies the actions under the lock.
func (t *MemoryTarget) Swap(_ context.Context, change sinks.AliasChange) error {
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
			if a.Alias != t.Name {
				t.indices[a.Index].writers[a.Alias] = sinks.LeaseWriter
				continue
			}
			if !slices.Contains(t.serving, a.Index) {
				t.serving = append(t.serving, a.Index)
			}
		case "remove":
			t.serving = slices.DeleteFunc(t.serving, func(s string) bool { return s == a.Index })
		case "remove_index":
			t.conflict = nil
		}
	}
	slices.Sort(t.serving)
	t.serving = slices.Compact(t.serving)
	return nil
}

// Drop forgets a generation that is not served.
func (t *MemoryTarget) Drop(_ context.Context, name string) error {
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
func (t *MemoryTarget) Block(_ context.Context, name string) error {
	err := t.block(name, true)
	if t.OnBlock != nil {
		t.OnBlock()
	}
	return err
}

// Unblock allows them again.
func (t *MemoryTarget) Unblock(_ context.Context, name string) error { return t.block(name, false) }

func (t *MemoryTarget) block(name string, on bool) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.blocked == nil {
		t.blocked = map[string]bool{}
	}
	t.blocked[name] = on
	return nil
}

// Blocked reports whether writes to an index are refused.
func (t *MemoryTarget) Blocked(name string) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.blocked[name]
}

// Sealed returns the states that a generation was sealed in.
func (t *MemoryTarget) Sealed(name string) []sinks.State {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.indices[name].sealed)
}

// Land lets attempts take effect that were left behind, oldest first: all if n < 0.
func (t *MemoryTarget) Land(n int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n < 0 || n > len(t.late) {
		n = len(t.late)
	}
	for _, late := range t.late[:n] {
		late.land()
	}
	t.late = t.late[n:]
}

// Put writes a document to what the alias serves, without a version, as an application
// does; an empty body deletes.
func (t *MemoryTarget) Put(id, body string) error {
	d := sinks.Document{ID: []byte(id)}
	if body != "" {
		d.Body = []byte(body)
	}
	if v := t.Send(d); v.Outcome == sinks.Rejected {
		return fmt.Errorf("document %s: %s", id, v.Reason)
	}
	return nil
}

// Send writes a document to what the alias serves, with the version that it has. There is no
// verdict where the alias takes none: it serves nothing, or what is blocked.
func (t *MemoryTarget) Send(d sinks.Document) (v sinks.Verdict) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, name := range t.serving {
		if !t.blocked[name] || !d.HasVersion() {
			v = t.indices[name].apply(d)
		}
	}
	return v
}

// memorySnapshot is a copy of an index.
type memorySnapshot struct {
	sinks.Snapshot
	docs map[string]memoryDocument
}

// Save copies an index.
func (t *MemoryTarget) Save(_ context.Context, repository, name, generation string, report func(done, total int64)) (sinks.Snapshot, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ix, ok := t.indices[generation]
	if !ok {
		return sinks.Snapshot{}, fmt.Errorf("index %s is not a generation of %s", generation, t.Name)
	}
	if t.snapshots == nil {
		t.snapshots = map[string]memorySnapshot{}
	}
	s := sinks.Snapshot{Repository: repository, Name: name, Generation: generation, Meta: ix.meta, Taken: time.Now(), Bytes: int64(len(ix.docs))}
	t.snapshots[repository+"/"+name] = memorySnapshot{s, maps.Clone(ix.docs)}
	if report != nil {
		report(s.Bytes, s.Bytes)
	}
	return s, nil
}

// Saved finds a copy.
func (t *MemoryTarget) Saved(_ context.Context, repository, name string) (sinks.Snapshot, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.snapshots[repository+"/"+name]
	if !ok {
		return sinks.Snapshot{}, fmt.Errorf("there is no snapshot %s/%s", repository, name)
	}
	return s.Snapshot, nil
}

// Restore makes an index of a copy.
func (t *MemoryTarget) Restore(ctx context.Context, s sinks.Snapshot, as string, _ func(done, total int64)) (sinks.Index, error) {
	if _, err := t.Create(ctx, sinks.Generation{Name: as, Meta: s.Meta}); err != nil {
		return nil, err
	}
	t.mu.Lock()
	t.indices[as].docs, t.indices[as].writers = maps.Clone(t.snapshots[s.Repository+"/"+s.Name].docs), nil
	t.mu.Unlock()
	return t.Open(ctx, as)
}
