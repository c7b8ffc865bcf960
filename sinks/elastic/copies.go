package elastic

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

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

// copies waits until every shard has the copies that the cluster has nodes for, and is
// where it belongs. Copies that the cluster's own rules keep off all nodes, the user's filter
// or full disks, are waited for as long as Config.Patience, and said to be lacking then.
func (x *index) copies(ctx context.Context, report func(string)) error {
	var pause transport.Backoff
	began := time.Now()
	var still time.Time // since when nothing moves, though copies lack
	for {
		var h health
		if err := x.Call(ctx, transport.Request{Method: http.MethodGet, Path: "/_cluster/health" + x.path, RetryFor: transport.DefaultRetry}, &h); err != nil {
			return x.Explain("wait for the copies of "+x.name, err)
		}
		moving := h.Initializing > 0 || h.Relocating > 0
		if h.Status == "green" && !moving {
			return nil
		}
		room := h.Primaries == x.shards && !moving && h.Active >= h.Primaries*h.Nodes
		if room {
			report(fmt.Sprintf(sinks.Degraded+"index %s stays %s, %d copies have no node to be on (the cluster has %d data nodes); add nodes or lower number_of_replicas",
				x.name, h.Status, h.Unassigned, h.Nodes))
			return nil
		}
		switch {
		case moving || h.Status != "yellow":
			still = time.Time{}
		case still.IsZero():
			still = time.Now()
		case time.Since(still) > x.cfg.RetryBound:
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
		report(text + x.recovery(ctx))
		if err := transport.Wait(ctx, min(pause.Next(), recoveryTime)); err != nil {
			return err
		}
	}
}

// recovery says how much of what is being copied is there; nothing if it cannot be told,
// since it is only for the progress.
func (x *index) recovery(ctx context.Context) string {
	done, total, _, err := x.recovered(ctx, x.name, "?active_only=true")
	if err != nil || total == 0 {
		return ""
	}
	return fmt.Sprintf(", %d%% of %.1f MB copied", 100*done/total, float64(total)/1e6)
}

// recovered is how many bytes of an index's shards are where they are to be, of those that
// were or are brought there.
func (c *cluster) recovered(ctx context.Context, name, which string) (done, total int64, shards int, err error) {
	var all map[string]struct {
		Shards []struct {
			Index struct {
				Size struct {
					Total     int64 `json:"total_in_bytes"`
					Recovered int64 `json:"recovered_in_bytes"`
				} `json:"size"`
			} `json:"index"`
		} `json:"shards"`
	}
	if err := c.Call(ctx, transport.Request{Method: http.MethodGet, Path: "/" + url.PathEscape(name) + "/_recovery" + which, RetryFor: transport.DefaultRetry}, &all); err != nil {
		return 0, 0, 0, err
	}
	for _, s := range all[name].Shards {
		done += s.Index.Size.Recovered
		total += s.Index.Size.Total
	}
	return done, total, len(all[name].Shards), nil
}
