package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"time"

	"humpty/sinks"
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

// undoubted makes sure that no shard was lost or restarted while its writes were not on
// disk: with no copies and a translog that is written behind, acknowledged documents may
// then be gone. A fresh shard's primary term is 1, and grows with each such event.
func (x *index) undoubted(ctx context.Context) error {
	x.mu.Lock()
	_, loading := x.meta.Restore["index.translog.durability"]
	x.mu.Unlock()
	if !loading {
		return nil
	}
	var a struct {
		Metadata struct {
			Indices map[string]struct {
				Terms map[string]int64 `json:"primary_terms"`
			} `json:"indices"`
		} `json:"metadata"`
	}
	path := "/_cluster/state/metadata" + x.path + "?filter_path=metadata.indices.*.primary_terms"
	if err := x.call(ctx, request{method: http.MethodGet, path: path, patience: patient}, &a); err != nil {
		return x.explain("read the primary terms of "+x.name, err)
	}
	for shard, term := range a.Metadata.Indices[x.name].Terms {
		if term > 1 {
			return &Error{
				Kind:   Failed,
				What:   fmt.Sprintf("shard %s of index %s was restarted during the load (a node was lost or restarted): documents that it had acknowledged may be gone", shard, x.name),
				Remedy: "begin a new rebuild; the alias is as it was",
			}
		}
	}
	return nil
}

// health is the part of the cluster's health that says how far the copies are.
type health struct {
	Status       string `json:"status"`
	Nodes        int    `json:"number_of_data_nodes"`
	Primaries    int    `json:"active_primary_shards"`
	Active       int    `json:"active_shards"`
	Initializing int    `json:"initializing_shards"`
	Unassigned   int    `json:"unassigned_shards"`
}

// copies waits until every shard has the copies that the cluster has nodes for.
func (x *index) copies(ctx context.Context, report func(string)) error {
	var pause backoff
	for {
		var h health
		if err := x.call(ctx, request{method: http.MethodGet, path: "/_cluster/health" + x.path, patience: patient}, &h); err != nil {
			return x.explain("wait for the copies of "+x.name, err)
		}
		if h.Status == "green" {
			return nil
		}
		room := h.Primaries == x.shards && h.Initializing == 0 && h.Active >= h.Primaries*h.Nodes
		if room {
			report(fmt.Sprintf("no longer: index %s stays %s, %d copies have no node to be on (the cluster has %d data nodes); add nodes or lower number_of_replicas",
				x.name, h.Status, h.Unassigned, h.Nodes))
			return nil
		}
		report(fmt.Sprintf("for the copies of %s: %d active, %d being made, %d without a node (health %s)",
			x.name, h.Active, h.Initializing, h.Unassigned, h.Status))
		if err := wait(ctx, min(pause.next(), time.Second)); err != nil {
			return err
		}
	}
}
