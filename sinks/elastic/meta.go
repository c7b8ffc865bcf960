package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"sync"

	"humpty/sinks"
	"humpty/sinks/elastic/bulk"
)

// metaRecord is what the index knows about itself: humpty's meta in its _meta.
type metaRecord struct {
	*indexRef
	writer *bulk.Writer

	mu       sync.Mutex
	meta     sinks.Meta                 // as noted last; PendingSettings is ours
	userMeta map[string]json.RawMessage // the user's keys of _meta
}

// tag has the writer say who we are.
func (x *metaRecord) tag() { x.writer.Tag(x.meta.Run, x.meta.Epoch) }

// Note replaces the meta, all but what is the target's own: its PendingSettings are written by
// Create and worked off by Seal, its Spelling by Create.
func (x *metaRecord) Note(ctx context.Context, m sinks.Meta) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	m.PendingSettings, m.Spelling = x.meta.PendingSettings, x.meta.Spelling
	return x.note(ctx, m)
}

// note writes m; mu is held.
func (x *metaRecord) note(ctx context.Context, m sinks.Meta) error {
	raw, err := metaBody(x.userMeta, m)
	if err != nil {
		return err
	}
	body, err := json.Marshal(map[string]json.RawMessage{"_meta": raw})
	if err != nil {
		return fmt.Errorf("encode the meta of %s: %w", x.name, err)
	}
	if err := x.MustAck(ctx, http.MethodPut, x.path+"/_mapping", body); err != nil {
		return x.Explain("note the state in index "+x.name, err)
	}
	x.meta = m
	x.tag()
	return nil
}

// loading tells whether the load's settings are still in force.
func (x *metaRecord) loading() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, loading := x.meta.PendingSettings["index.translog.durability"]
	return loading
}

// suspectsLoss tells whether it is known already that writes may be lost.
func (x *metaRecord) suspectsLoss() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.meta.SuspectLoss
}

// journal is what Seal has not put back yet.
func (x *metaRecord) journal() map[string]json.RawMessage {
	x.mu.Lock()
	defer x.mu.Unlock()
	return maps.Clone(x.meta.PendingSettings)
}
