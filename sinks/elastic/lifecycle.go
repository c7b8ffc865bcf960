package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"time"

	"humpty/internal/crashpoint"
	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// lifecycle leads the index from the load's settings to the user's, and to its copies.
type lifecycle struct {
	*metaRecord
	durability *durability
}

// Seal makes the load durable and visible, works off the journal, and waits for the
// copies.
func (x *lifecycle) Seal(ctx context.Context, report func(waiting string)) error {
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
	crashpoint.At("load durable")
	if err := x.durability.CheckDurability(ctx); err != nil {
		return err
	}
	if err := x.merge(ctx, report); err != nil {
		return err
	}
	if err := x.applyJournal(ctx); err != nil {
		return err
	}
	return x.waitForCopies(ctx, report)
}

// RestoreSettings puts the user's settings in place after a load that failed, and asks a last time
// whether what it wrote is there: from then on the shards are not written behind any more.
func (x *lifecycle) RestoreSettings(ctx context.Context) error {
	lost := x.durability.CheckDurability(ctx)
	return errors.Join(x.applyJournal(ctx), lost)
}

// applyJournal puts the user's settings in place and strikes them off the journal. The
// settings come first: a crash in between repeats what does no harm.
func (x *lifecycle) applyJournal(ctx context.Context) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	pending, kept := maps.Clone(x.meta.PendingSettings), map[string]json.RawMessage{}
	if keep, ok := pending[gcDeletes]; ok && x.meta.State != sinks.Live && x.meta.State != sinks.Retired {
		kept[gcDeletes] = keep
		delete(pending, gcDeletes)
	}
	if len(pending) == 0 {
		return nil
	}
	body, err := json.Marshal(pending)
	if err != nil {
		return fmt.Errorf("encode the settings of %s: %w", x.name, err)
	}
	if err := x.MustAck(ctx, http.MethodPut, x.path+"/_settings", body); err != nil {
		return x.Explain("restore the settings of index "+x.name, err)
	}
	crashpoint.At("settings restored")
	m := x.meta
	m.PendingSettings = kept
	err = x.note(ctx, m)
	crashpoint.At("settings struck off")
	return err
}

// pollInterval is between two looks at what takes long.
const pollInterval = time.Second

// merge makes few segments of many, while there is one copy of them. The cluster does so
// as a task of its own, which takes longer than any request may.
func (x *lifecycle) merge(ctx context.Context, report func(string)) error {
	if x.cfg.Load.MaxSegments == 0 || !x.loading() {
		return nil
	}
	var started struct {
		Task string `json:"task"`
	}
	path := fmt.Sprintf("%s/_forcemerge?max_num_segments=%d&wait_for_completion=false", x.path, x.cfg.Load.MaxSegments)
	if err := x.Call(ctx, transport.Request{Method: http.MethodPost, Path: path, RetryFor: transport.DefaultRetry}, &started); err != nil {
		return x.Explain("merge the segments of index "+x.name, err)
	}
	var pause transport.Backoff
	for {
		segments, err := x.segments(ctx)
		if err != nil {
			return err
		}
		var task struct {
			Completed bool `json:"completed"`
			Response  struct {
				shardsAnswer
			} `json:"response"`
		}
		found, err := x.Get(ctx, "/_tasks/"+url.PathEscape(started.Task), &task)
		switch {
		case err != nil:
			return x.Explain("wait for the merge of index "+x.name, err)
		case !found, task.Completed && task.Response.err() != nil:
			return transport.Failedf("the segments of index %s were not merged to the end: the node that did it was lost, or a shard failed", x.name)
		case task.Completed:
			return nil
		}
		report(fmt.Sprintf("for the merge of %s to %d segments a shard: %d in %d shards", x.name, x.cfg.Load.MaxSegments, segments, x.shards))
		if err := transport.Wait(ctx, min(pause.Next(), pollInterval)); err != nil {
			return err
		}
	}
}

func (x *lifecycle) segments(ctx context.Context) (int64, error) {
	var a struct {
		All struct {
			Primaries struct {
				Segments struct {
					Count int64 `json:"count"`
				} `json:"segments"`
			} `json:"primaries"`
		} `json:"_all"`
	}
	path := x.path + "/_stats/segments?filter_path=_all.primaries.segments.count"
	if err := x.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: transport.DefaultRetry}, &a); err != nil {
		return 0, x.Explain("count the segments of index "+x.name, err)
	}
	return a.All.Primaries.Segments.Count, nil
}

// health is the part of the cluster's health that says how far the copies are.
type health struct {
	Status       string `json:"status"`
	Nodes        int    `json:"number_of_data_nodes"`
	Primaries    int    `json:"active_primary_shards"`
	Active       int    `json:"active_shards"`
	Relocating   int    `json:"relocating_shards"`
	Initializing int    `json:"initializing_shards"`
	Unassigned   int    `json:"unassigned_shards"`
}

// waitForCopies waits until every shard has the copies that the cluster has nodes for, and is
// where it belongs. Copies that the cluster's own rules keep off all nodes, the user's filter
// or full disks, are waited for as long as Config.RetryBound, and said to be lacking then.
func (x *lifecycle) waitForCopies(ctx context.Context, report func(string)) error {
	var pause transport.Backoff
	began := time.Now()
	var idleSince time.Time // since when nothing moves, though copies lack
	for {
		var h health
		if err := x.Call(ctx, transport.Request{Method: http.MethodGet, Path: "/_cluster/health" + x.path, RetryFor: transport.DefaultRetry}, &h); err != nil {
			return x.Explain("wait for the copies of "+x.name, err)
		}
		moving := h.Initializing > 0 || h.Relocating > 0
		if h.Status == "green" && !moving {
			return nil
		}
		allPlaced := h.Primaries == x.shards && !moving && h.Active >= h.Primaries*h.Nodes
		if allPlaced {
			report(fmt.Sprintf(sinks.Degraded+"index %s stays %s, %d copies have no node to be on (the cluster has %d data nodes); add nodes or lower number_of_replicas",
				x.name, h.Status, h.Unassigned, h.Nodes))
			return nil
		}
		switch {
		case moving || h.Status != "yellow":
			idleSince = time.Time{}
		case idleSince.IsZero():
			idleSince = time.Now()
		case time.Since(idleSince) > x.cfg.RetryBound:
			if why := x.unassignable(ctx); why != "" {
				report(fmt.Sprintf(sinks.Degraded+"index %s stays %s, %d copies have no node to be on: %s; make room for them or lower number_of_replicas",
					x.name, h.Status, h.Unassigned, why))
				return nil
			}
		}
		if h.Status == "red" && time.Since(began) > x.cfg.UnassignedTimeout {
			if err := x.unassigned(ctx, began); err != nil {
				return err
			}
		}
		text := fmt.Sprintf("for the copies of %s: %d active, %d being made, %d without a node (health %s)",
			x.name, h.Active, h.Initializing, h.Unassigned, h.Status)
		if h.Relocating > 0 {
			text += fmt.Sprintf(", %d on their way to other nodes", h.Relocating)
		}
		report(text + x.copyProgress(ctx))
		if err := transport.Wait(ctx, min(pause.Next(), pollInterval)); err != nil {
			return err
		}
	}
}

// copyProgress says how much of what is being copied is there; nothing if it cannot be told,
// since it is only for the progress.
func (x *lifecycle) copyProgress(ctx context.Context) string {
	done, total, _, err := x.recoveryProgress(ctx, x.name, "?active_only=true")
	if err != nil || total == 0 {
		return ""
	}
	return fmt.Sprintf(", %d%% of %.1f MB copied", 100*done/total, float64(total)/1e6)
}
