package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// Restore brings the generation back under another name. It comes without aliases: its
// own is added, the projection's is left to a swap.
func (t *Target) Restore(ctx context.Context, s sinks.Snapshot, as string, report func(done, total int64)) (sinks.Index, error) {
	if err := t.CheckIdentity(ctx); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(as, t.cfg.Alias+"-") {
		return nil, transport.Guardf("", "index %s cannot be a generation of alias %s: its name must begin with %[2]s-", as, t.cfg.Alias)
	}
	all, err := t.look(ctx, url.PathEscape(as))
	if err != nil {
		return nil, err
	}
	if _, exists := all[as]; exists {
		return nil, transport.Guardf("", "index %s exists already", as)
	}
	body, err := json.Marshal(map[string]any{
		"indices": s.Generation, "include_global_state": false, "include_aliases": false,
		"rename_pattern": ".+", "rename_replacement": as,
	})
	if err != nil {
		return nil, fmt.Errorf("encode the restore of %s: %w", s.Generation, err)
	}
	what := fmt.Sprintf("restore %s of snapshot %s/%s as %s", s.Generation, s.Repository, s.Name, as)
	path := snapshotPath(s.Repository, s.Name) + "/_restore?wait_for_completion=false"
	// A second attempt is refused while the first one's index is there, so it is made once.
	if _, err := t.Once(ctx, transport.Request{Method: http.MethodPost, Path: path, Body: body}, new(bytes.Buffer)); err != nil {
		return nil, t.explainRepository(what, s.Repository, err)
	}
	if err := t.restored(ctx, what, as, report); err != nil {
		return nil, err
	}
	x, err := t.open(ctx, as)
	if err != nil {
		return nil, err
	}
	return x, x.addLoadAlias(ctx)
}

// restored waits until every primary is there.
func (t *Target) restored(ctx context.Context, what, name string, report func(done, total int64)) error {
	for pause := (transport.Backoff{}); ; {
		var health struct {
			Status string `json:"status"`
		}
		err := t.Call(ctx, transport.Request{Method: http.MethodGet, Path: "/_cluster/health/" + url.PathEscape(name) + "?timeout=1s", RetryFor: transport.DefaultRetry}, &health)
		if err != nil {
			return t.Explain(what, err)
		}
		if health.Status != "red" {
			return nil
		}
		done, total, stuck, err := t.recovery(ctx, name)
		switch {
		case err != nil:
			return t.Explain(what, err)
		case stuck:
			return transport.Failedf("%s: no node takes its shards: %s; `humpty prune` drops it", what, t.whyUnassigned(ctx, name, 0))
		case report != nil:
			report(done, total)
		}
		if err := transport.Wait(ctx, pause.Next()); err != nil {
			return err
		}
	}
}

// recovery is how many bytes are back; stuck means that no shard is on its way any more.
func (t *Target) recovery(ctx context.Context, name string) (done, total int64, stuck bool, err error) {
	done, total, shards, err := t.recovered(ctx, name, "")
	return done, total, err == nil && shards == 0 && t.gaveUp(ctx, name), err
}

// gaveUp tells whether the cluster will not try to place a primary again by itself.
func (t *Target) gaveUp(ctx context.Context, name string) bool {
	var a struct {
		Can string `json:"can_allocate"`
	}
	body, err := json.Marshal(map[string]any{"index": name, "shard": 0, "primary": true})
	if err != nil {
		return false
	}
	err = t.Call(ctx, transport.Request{Method: http.MethodPost, Path: "/_cluster/allocation/explain", Body: body, RetryFor: transport.DefaultRetry}, &a)
	return err == nil && a.Can == "no"
}
