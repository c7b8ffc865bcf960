package memory

import (
	"context"
	"fmt"
	"maps"
	"time"

	"humpty/sinks"
)

// snapshot is a copy of an index.
type snapshot struct {
	sinks.Snapshot
	docs map[string]stored
}

// Save copies an index.
func (t *Target) Save(_ context.Context, repository, name, generation string, report func(done, total int64)) (sinks.Snapshot, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ix, ok := t.indices[generation]
	if !ok {
		return sinks.Snapshot{}, fmt.Errorf("index %s is not a generation of %s", generation, t.Name)
	}
	if t.snapshots == nil {
		t.snapshots = map[string]snapshot{}
	}
	s := sinks.Snapshot{Repository: repository, Name: name, Generation: generation, Meta: ix.meta, Taken: time.Now(), Bytes: int64(len(ix.docs))}
	t.snapshots[repository+"/"+name] = snapshot{s, maps.Clone(ix.docs)}
	if report != nil {
		report(s.Bytes, s.Bytes)
	}
	return s, nil
}

// Saved finds a copy.
func (t *Target) Saved(_ context.Context, repository, name string) (sinks.Snapshot, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s, ok := t.snapshots[repository+"/"+name]
	if !ok {
		return sinks.Snapshot{}, fmt.Errorf("there is no snapshot %s/%s", repository, name)
	}
	return s.Snapshot, nil
}

// Restore makes an index of a copy.
func (t *Target) Restore(ctx context.Context, s sinks.Snapshot, as string, _ func(done, total int64)) (sinks.Index, error) {
	made, err := t.Create(ctx, sinks.Generation{Name: as, Meta: s.Meta})
	if err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.indices[as].docs = maps.Clone(t.snapshots[s.Repository+"/"+s.Name].docs)
	return made, nil
}
