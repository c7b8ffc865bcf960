package sinktest

import (
	"context"
	"slices"
	"strconv"

	"humpty/sinks"
)

// memoryHandle is an index as one process opened it.
type memoryHandle struct {
	*memoryIndex
	writer string // what it writes under; under the target's lock
}

// lateAttempt is one that its client gave up and that stays alive.
type lateAttempt struct {
	index  *memoryIndex
	writer string
	write  func()
}

// land is how it ends when a proxy passes it on: the target looks whether its writer may write.
func (l lateAttempt) land() {
	if l.index.may(l.writer) {
		l.write()
	}
}

// may reports whether what is sent under a name is written; the lock is held.
func (ix *memoryIndex) may(writer string) bool {
	_, ok := ix.writers[writer]
	return ok
}

// BeginWriter gives a new name.
func (ix *memoryHandle) BeginWriter(_ context.Context, role sinks.WriterRole) error {
	if ix.target.OnFence != nil {
		ix.target.OnFence()
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	if ix.writer != "" && !ix.may(ix.writer) {
		return &sinks.Fenced{Index: ix.name}
	}
	delete(ix.writers, ix.writer)
	ix.shutOut(role)
	ix.writer = ix.newWriter(role)
	return nil
}

// NextWriter gives a name that a Swap makes known.
func (ix *memoryHandle) NextWriter(context.Context) (sinks.AliasAction, error) {
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	ix.writer = ix.newWriter(sinks.LeaseWriter)
	delete(ix.writers, ix.writer)
	return sinks.AliasAction{Verb: "add", Index: ix.name, Alias: ix.writer}, nil
}

// EndWriter takes the name away.
func (ix *memoryHandle) EndWriter(context.Context) error {
	if ix.target.OnFence != nil {
		ix.target.OnFence()
	}
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	switch {
	case ix.writer == "":
		return nil
	case !ix.may(ix.writer):
		return &sinks.Fenced{Index: ix.name}
	}
	delete(ix.writers, ix.writer)
	ix.writer = ""
	ix.drain()
	return nil
}

// Primaries is what the test says.
func (ix *memoryHandle) Primaries(context.Context) (string, error) {
	ix.target.mu.Lock()
	defer ix.target.mu.Unlock()
	return strconv.Itoa(ix.target.restarts), nil
}

// FenceWriters takes the names of a role away.
func (t *MemoryTarget) FenceWriters(_ context.Context, role sinks.WriterRole) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, ix := range t.indices {
		ix.shutOut(role)
	}
	return nil
}

// Restart forgets which documents were deleted, as a primary does that is made again.
func (t *MemoryTarget) Restart() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.restarts++
	for _, ix := range t.indices {
		for id, d := range ix.docs {
			if d.deleted {
				delete(ix.docs, id)
			}
		}
	}
}

func (ix *memoryIndex) newWriter(role sinks.WriterRole) string {
	if ix.writers == nil {
		ix.writers = map[string]sinks.WriterRole{}
	}
	ix.target.writers++
	name := ix.name + "-w" + strconv.FormatInt(ix.target.writers, 10)
	ix.writers[name] = role
	return name
}

func (ix *memoryIndex) shutOut(role sinks.WriterRole) {
	for name, of := range ix.writers {
		if of == role {
			delete(ix.writers, name)
		}
	}
	ix.drain()
}

// drain lets land what the target works on; what a proxy holds comes later, if ever.
func (ix *memoryIndex) drain() {
	if ix.target.HideInFlight {
		return
	}
	ix.target.late = slices.DeleteFunc(ix.target.late, func(late lateAttempt) bool {
		if late.index == ix {
			late.write()
		}
		return late.index == ix
	})
}
