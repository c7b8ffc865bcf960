package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"strings"
	"sync"

	"humpty/sinks"
	"humpty/sinks/elastic/bulk"
	"humpty/sinks/elastic/transport"
)

// metaKey is where humpty's meta is in an index's _meta.
const metaKey = "humpty"

// claim reads the meta of an index that names the alias, and judges whether the index is what
// the meta says: copies take it along.
func (f indexInfo) claim(alias, name string) (m sinks.Meta, foreign sinks.Foreign, claims bool) {
	raw, ok := f.Mappings.Meta[metaKey]
	if !ok {
		return m, foreign, false
	}
	m, err := decodeMeta(raw)
	if err != nil || m.Alias != alias || !strings.HasPrefix(name, alias+"-") {
		return sinks.Meta{}, foreign, false
	}
	foreign = sinks.Foreign{Index: name, Run: m.Run, Documents: -1}
	foreign.Why, foreign.Unfinished = m.Foreign(name, f.setting("index.uuid"))
	source := f.setting("index.resize.source.name")
	switch {
	case f.DataStream != "":
		foreign.Why, foreign.Unfinished = "it is a part of data stream "+f.DataStream, false
	case source != "":
		foreign.Why, foreign.Unfinished = "it was made from index "+source+" by _clone, _shrink or _split", false
	}
	return m, foreign, true
}

// generationMeta reads the meta of a generation of alias.
func (f indexInfo) generationMeta(alias, name string) (sinks.Meta, bool) {
	m, foreign, claims := f.claim(alias, name)
	if !claims || foreign.Why != "" {
		return sinks.Meta{}, false
	}
	return m, true
}

// damagedMeta says what is wrong with the meta of an index that may be a generation of alias; "":
// nothing, or it has none.
func (f indexInfo) damagedMeta(name string) string {
	raw, ok := f.Mappings.Meta[metaKey]
	if !ok {
		return ""
	}
	if _, err := decodeMeta(raw); err != nil {
		return fmt.Sprintf("index %s says that humpty made it, but its _meta does not read (%s): it is not touched, not served and not dropped", name, transport.Clip([]byte(err.Error())))
	}
	return ""
}

// decodeMeta reads the meta of an index or a snapshot, which another program may have written. Its
// numbers become versions of documents, so they are bounded.
func decodeMeta(raw []byte) (m sinks.Meta, err error) {
	switch err = json.Unmarshal(raw, &m); {
	case err != nil:
	case m.Alias == "":
		err = errors.New("it names no alias")
	case m.Epoch < 0 || m.Epoch > sinks.MaxEpoch:
		err = fmt.Errorf("its epoch is %d", m.Epoch)
	case m.Documents < 0 || m.Served < 0:
		err = fmt.Errorf("it has %d documents", min(m.Documents, m.Served))
	}
	if err != nil {
		return sinks.Meta{}, err
	}
	return m, nil
}

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
// Create and worked off by Seal, its Spelling by Create, and Name and UUID are the index's.
func (x *metaRecord) Note(ctx context.Context, m sinks.Meta) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	m.PendingSettings, m.Spelling = x.meta.PendingSettings, x.meta.Spelling
	return x.note(ctx, m)
}

// note writes m; mu is held.
func (x *metaRecord) note(ctx context.Context, m sinks.Meta) error {
	m.Name, m.UUID = x.name, x.uuid
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
