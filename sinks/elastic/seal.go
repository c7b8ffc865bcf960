package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"

	"humpty/sinks"
	"humpty/sinks/strain"
)

// Seal makes the load durable and visible, works off the journal, and waits for the
// copies.
func (x *index) Seal(ctx context.Context, report func(waiting string)) error {
	if report == nil {
		report = func(string) {}
	}
	report("for the refresh of " + x.name)
	if err := x.onShards(ctx, http.MethodPost, "_refresh"); err != nil {
		return err
	}
	report("for the flush of " + x.name)
	if err := x.onShards(ctx, http.MethodPost, "_flush"); err != nil {
		return err
	}
	if err := x.undoubted(ctx); err != nil {
		return err
	}
	if err := x.merge(ctx, report); err != nil {
		return err
	}
	if err := x.restore(ctx); err != nil {
		return err
	}
	return x.copies(ctx, report)
}

// restore puts the user's settings in place and strikes them off the journal. The
// settings come first: a crash in between repeats what does no harm.
func (x *index) restore(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	due, left := maps.Clone(x.meta.Restore), map[string]json.RawMessage{}
	if keep, ok := due[gcDeletes]; ok && x.meta.State != sinks.Live && x.meta.State != sinks.Retired {
		left[gcDeletes] = keep
		delete(due, gcDeletes)
	}
	if len(due) == 0 {
		return nil
	}
	body, err := json.Marshal(due)
	if err != nil {
		return fmt.Errorf("encode the settings of %s: %w", x.name, err)
	}
	if err := x.change(ctx, http.MethodPut, x.path+"/_settings", body); err != nil {
		return x.explain("restore the settings of index "+x.name, err)
	}
	m := x.meta
	m.Restore = left
	return x.note(ctx, m)
}

// loading tells whether the load's settings are still in force.
func (x *index) loading() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	_, loading := x.meta.Restore["index.translog.durability"]
	return loading
}

// doubted tells whether whoever writes knows it already.
func (x *index) doubted() bool {
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.meta.Doubted
}

// undoubted makes sure that no shard was lost or restarted while its writes were not on
// disk: with no copies and a translog that is written behind, acknowledged documents may
// then be gone. A fresh shard's primary term is 1, and grows with each such event.
func (x *index) undoubted(ctx context.Context) error {
	if !x.loading() || x.doubted() {
		return nil
	}
	var a struct {
		Metadata struct {
			Indices map[string]struct {
				Terms    map[string]int64 `json:"primary_terms"`
				Settings struct {
					Index struct {
						UUID string `json:"uuid"`
					} `json:"index"`
				} `json:"settings"`
			} `json:"indices"`
		} `json:"metadata"`
	}
	path := "/_cluster/state/metadata" + x.path + "?filter_path=metadata.indices.*.primary_terms,metadata.indices.*.settings.index.uuid"
	if err := x.call(ctx, request{method: http.MethodGet, path: path, patience: patient}, &a); err != nil {
		return x.explain("read the primary terms of "+x.name, err)
	}
	is := a.Metadata.Indices[x.name]
	if is.Settings.Index.UUID != x.uuid {
		return guard("begin a new rebuild; the alias is as it was", "index %s was deleted and made again by somebody else: what was loaded is gone", x.name)
	}
	for shard, term := range is.Terms {
		if term > 1 {
			return &Error{
				Kind:   Failed,
				What:   fmt.Sprintf("shard %s of index %s was restarted during the load (a node was lost or restarted)", shard, x.name),
				Err:    &strain.Doubt{},
				Remedy: "begin a new rebuild; the alias is as it was",
			}
		}
	}
	return nil
}
