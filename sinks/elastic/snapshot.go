package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// snapshots keep generations in a repository of the cluster's.
type snapshots struct {
	*cluster
	catalog *catalog
}

func snapshotPath(repository, name string) string {
	return "/_snapshot/" + url.PathEscape(repository) + "/" + url.PathEscape(name)
}

// snapshotInfo is a snapshot as the server tells it.
type snapshotInfo struct {
	State    string                     `json:"state"`
	Reason   string                     `json:"reason"`
	Indices  []string                   `json:"indices"`
	Metadata map[string]json.RawMessage `json:"metadata"`
	Started  int64                      `json:"start_time_in_millis"`
	Millis   int64                      `json:"duration_in_millis"`
	Failures []json.RawMessage          `json:"failures"`
}

// Save takes the snapshot and waits for it. A snapshot of that name that another run took
// is an error.
func (r snapshots) Save(ctx context.Context, repository, name, generation string, report func(done, total int64)) (sinks.Snapshot, error) {
	if err := r.CheckIdentity(ctx); err != nil {
		return sinks.Snapshot{}, err
	}
	x, err := r.catalog.open(ctx, generation)
	if err != nil {
		return sinks.Snapshot{}, err
	}
	told := x.meta // all of it travels in the index; a snapshot's metadata may have 1 KB
	told.Name, told.UUID, told.Spelling, told.PendingSettings, told.Refused, told.Blocked, told.PhaseSeconds = "", "", nil, nil, nil, nil, nil
	body, err := json.Marshal(map[string]any{
		"indices": generation, "include_global_state": false, "metadata": map[string]any{metaKey: told},
	})
	if err != nil {
		return sinks.Snapshot{}, fmt.Errorf("encode the meta of %s: %w", generation, err)
	}
	what := fmt.Sprintf("take snapshot %s/%s", repository, name)
	path := snapshotPath(repository, name)
	err = r.Call(ctx, transport.Request{Method: http.MethodPut, Path: path + "?wait_for_completion=false", Body: body, RetryFor: transport.DefaultRetry}, nil)
	var no *transport.ResponseError
	if errors.As(err, &no) && (no.Type == "invalid_snapshot_name_exception" || no.Type == "snapshot_name_already_in_use_exception") {
		if was, errWas := r.Saved(ctx, repository, name); errWas == nil && was.Meta.Run == x.meta.Run && was.Generation == generation {
			err = nil // an earlier attempt of this call began it
		}
	}
	if err != nil {
		return sinks.Snapshot{}, r.explainRepository(what, repository, err)
	}
	for pause := (transport.Backoff{}); ; {
		s, state, err := r.read(ctx, repository, name)
		switch {
		case err != nil:
			return s, err
		case state.State == "SUCCESS":
			return s, nil
		case state.State != "IN_PROGRESS" && state.State != "STARTED":
			return s, transport.Failedf("%s: it ended as %s: %s", what, state.State, state.failure())
		}
		if report != nil {
			if done, total, err := r.progress(ctx, path); err == nil {
				report(done, total)
			}
		}
		if err := transport.Wait(ctx, pause.Next()); err != nil {
			return s, err
		}
	}
}

func (s snapshotInfo) failure() string {
	for _, f := range s.Failures {
		return transport.Clip(f)
	}
	return s.Reason
}

// Saved reads a snapshot; it must hold one generation of this alias, whole.
func (r snapshots) Saved(ctx context.Context, repository, name string) (sinks.Snapshot, error) {
	if name == "" {
		var err error
		if name, err = r.newest(ctx, repository); err != nil {
			return sinks.Snapshot{}, err
		}
	}
	s, state, err := r.read(ctx, repository, name)
	if err == nil && state.State != "SUCCESS" {
		err = transport.Guardf("take another one, or wait for it", "snapshot %s/%s is not whole (%s): %s", repository, name, state.State, state.failure())
	}
	return s, err
}

func (r snapshots) read(ctx context.Context, repository, name string) (sinks.Snapshot, snapshotInfo, error) {
	var a struct {
		Snapshots []snapshotInfo `json:"snapshots"`
	}
	s := sinks.Snapshot{Repository: repository, Name: name}
	path := snapshotPath(repository, name)
	err := r.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: transport.DefaultRetry}, &a)
	what := fmt.Sprintf("read snapshot %s/%s", repository, name)
	if err != nil {
		return s, snapshotInfo{}, r.explainRepository(what, repository, err)
	}
	if len(a.Snapshots) != 1 {
		return s, snapshotInfo{}, transport.Failedf("%s: the answer is about %d snapshots", what, len(a.Snapshots))
	}
	one := a.Snapshots[0]
	s.Taken, s.Took = time.UnixMilli(one.Started).UTC(), time.Duration(one.Millis)*time.Millisecond
	s.Meta, _ = decodeMeta(one.Metadata[metaKey]) // else humpty did not take it
	generations := r.generationsOf(one.Indices)
	if len(generations) != 1 {
		return s, one, transport.Guardf("name a snapshot that `humpty snapshot` took",
			"snapshot %s/%s holds %d generations of alias %s (indices %s), not one", repository, name, len(generations), r.cfg.Alias, strings.Join(one.Indices, ", "))
	}
	s.Generation = generations[0]
	if _, s.Bytes, err = r.progress(ctx, path); err != nil {
		return s, one, r.Explain(what, err)
	}
	return s, one, nil
}

// newest finds the newest whole snapshot with one generation of this alias.
func (r snapshots) newest(ctx context.Context, repository string) (string, error) {
	var a struct {
		Snapshots []struct {
			snapshotInfo
			Name string `json:"snapshot"`
		} `json:"snapshots"`
	}
	path := "/_snapshot/" + url.PathEscape(repository) + "/_all"
	if err := r.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: transport.DefaultRetry}, &a); err != nil {
		return "", r.explainRepository("list the snapshots of "+repository, repository, err)
	}
	name, at := "", int64(0)
	for _, s := range a.Snapshots {
		if s.State == "SUCCESS" && len(r.generationsOf(s.Indices)) == 1 && s.Started >= at {
			name, at = s.Name, s.Started
		}
	}
	if name == "" {
		return "", transport.Guardf("`humpty snapshot` takes one", "repository %s holds no whole snapshot of a generation of alias %s (of %d snapshots)", repository, r.cfg.Alias, len(a.Snapshots))
	}
	return name, nil
}

func (r snapshots) generationsOf(indices []string) []string {
	var ours []string
	for _, index := range indices {
		if strings.HasPrefix(index, r.cfg.Alias+"-") {
			ours = append(ours, index)
		}
	}
	return ours
}

// progress is how many bytes of a snapshot are there.
func (r snapshots) progress(ctx context.Context, path string) (done, total int64, err error) {
	type size struct {
		Bytes int64 `json:"size_in_bytes"`
	}
	var a struct {
		Snapshots []struct {
			Stats struct {
				Processed, Incremental, Total size
			} `json:"stats"`
		} `json:"snapshots"`
	}
	if err := r.Call(ctx, transport.Request{Method: http.MethodGet, Path: path + "/_status", RetryFor: transport.DefaultRetry}, &a); err != nil {
		return 0, 0, err
	}
	for _, s := range a.Snapshots {
		done += s.Stats.Processed.Bytes + s.Stats.Total.Bytes - s.Stats.Incremental.Bytes
		total += s.Stats.Total.Bytes
	}
	return done, total, nil
}

// explainRepository adds what to do about a repository or a snapshot that is not there.
func (r snapshots) explainRepository(what, repository string, err error) error {
	var no *transport.ResponseError
	if errors.As(err, &no) {
		switch no.Type {
		case "repository_missing_exception":
			return &Error{
				Kind: Definition, What: what, Err: err,
				Remedy: "register it, for example PUT /_snapshot/" + repository + ` {"type": "fs", "settings": {"location": "…"}}; GET /_snapshot lists what there is`,
			}
		case "snapshot_missing_exception":
			return transport.Guardf("GET /_snapshot/"+repository+"/_all lists what there is", "%s: there is no such snapshot", what)
		}
	}
	return r.Explain(what, err)
}

// Restore brings the generation back under another name. It comes without aliases: its
// own is added, the projection's is left to a swap.
func (r snapshots) Restore(ctx context.Context, s sinks.Snapshot, as string, report func(done, total int64)) (sinks.Index, error) {
	if err := r.CheckIdentity(ctx); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(as, r.cfg.Alias+"-") {
		return nil, transport.Guardf("", "index %s cannot be a generation of alias %s: its name must begin with %[2]s-", as, r.cfg.Alias)
	}
	all, err := r.readIndices(ctx, url.PathEscape(as))
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
	if _, err := r.Once(ctx, transport.Request{Method: http.MethodPost, Path: path, Body: body}, new(bytes.Buffer)); err != nil {
		return nil, r.explainRepository(what, s.Repository, err)
	}
	if err := r.waitUntilRestored(ctx, what, as, report); err != nil {
		return nil, err
	}
	return r.own(ctx, s, as)
}

// own makes a restored index the generation of its meta, which is still that of the one in the
// snapshot.
func (r snapshots) own(ctx context.Context, s sinks.Snapshot, as string) (*index, error) {
	x, _, err := r.catalog.read(ctx, as)
	if err != nil {
		return nil, err
	}
	if name := x.meta.Name; name != "" && name != s.Generation {
		return nil, transport.Guardf("look at what is in it; DELETE /"+url.PathEscape(as)+" drops it",
			"what was restored as %s is no generation: its _meta is that of index %s, and the snapshot holds it as %s", as, name, s.Generation)
	}
	return x, x.Note(ctx, x.meta)
}

// waitUntilRestored waits until every primary is there.
func (r snapshots) waitUntilRestored(ctx context.Context, what, name string, report func(done, total int64)) error {
	for pause := (transport.Backoff{}); ; {
		var health struct {
			Status string `json:"status"`
		}
		err := r.Call(ctx, transport.Request{Method: http.MethodGet, Path: "/_cluster/health/" + url.PathEscape(name) + "?timeout=1s", RetryFor: transport.DefaultRetry}, &health)
		if err != nil {
			return r.Explain(what, err)
		}
		if health.Status != "red" {
			return nil
		}
		done, total, stuck, err := r.recovery(ctx, name)
		switch {
		case err != nil:
			return r.Explain(what, err)
		case stuck:
			return transport.Failedf("%s: no node takes its shards: %s; DELETE /"+url.PathEscape(name)+" drops it", what, r.whyUnassigned(ctx, name, 0))
		case report != nil:
			report(done, total)
		}
		if err := transport.Wait(ctx, pause.Next()); err != nil {
			return err
		}
	}
}

// recovery is how many bytes are back; stuck means that no shard is on its way any more.
func (r snapshots) recovery(ctx context.Context, name string) (done, total int64, stuck bool, err error) {
	done, total, shards, err := r.recoveryProgress(ctx, name, "")
	return done, total, err == nil && shards == 0 && r.allocationFailed(ctx, name), err
}

// allocationFailed tells whether the cluster will not try to place a primary again by itself.
func (r snapshots) allocationFailed(ctx context.Context, name string) bool {
	var a struct {
		Can string `json:"can_allocate"`
	}
	body, err := json.Marshal(map[string]any{"index": name, "shard": 0, "primary": true})
	if err != nil {
		return false
	}
	err = r.Call(ctx, transport.Request{Method: http.MethodPost, Path: "/_cluster/allocation/explain", Body: body, RetryFor: transport.DefaultRetry}, &a)
	return err == nil && a.Can == "no"
}
