package elastic

import (
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

var _ sinks.Snapshots = (*Target)(nil)

func snapshotPath(repository, name string) string {
	return "/_snapshot/" + url.PathEscape(repository) + "/" + url.PathEscape(name)
}

// savedSnapshot is a snapshot as the server tells it.
type savedSnapshot struct {
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
func (t *Target) Save(ctx context.Context, repository, name, generation string, report func(done, total int64)) (sinks.Snapshot, error) {
	if err := t.CheckIdentity(ctx); err != nil {
		return sinks.Snapshot{}, err
	}
	x, err := t.open(ctx, generation)
	if err != nil {
		return sinks.Snapshot{}, err
	}
	body, err := json.Marshal(map[string]any{
		"indices": generation, "include_global_state": false, "metadata": map[string]any{metaKey: x.meta},
	})
	if err != nil {
		return sinks.Snapshot{}, fmt.Errorf("encode the meta of %s: %w", generation, err)
	}
	what := fmt.Sprintf("take snapshot %s/%s", repository, name)
	path := snapshotPath(repository, name)
	err = t.Call(ctx, transport.Request{Method: http.MethodPut, Path: path + "?wait_for_completion=false", Body: body, RetryFor: transport.DefaultRetry}, nil)
	var no *transport.ResponseError
	if errors.As(err, &no) && (no.Type == "invalid_snapshot_name_exception" || no.Type == "snapshot_name_already_in_use_exception") {
		if was, errWas := t.Saved(ctx, repository, name); errWas == nil && was.Meta.Run == x.meta.Run && was.Generation == generation {
			err = nil // an earlier attempt of this call began it
		}
	}
	if err != nil {
		return sinks.Snapshot{}, t.explainRepository(what, repository, err)
	}
	for pause := (transport.Backoff{}); ; {
		s, state, err := t.saved(ctx, repository, name)
		switch {
		case err != nil:
			return s, err
		case state.State == "SUCCESS":
			return s, nil
		case state.State != "IN_PROGRESS" && state.State != "STARTED":
			return s, transport.Failedf("%s: it ended as %s: %s", what, state.State, state.why())
		}
		if report != nil {
			if done, total, err := t.progress(ctx, path); err == nil {
				report(done, total)
			}
		}
		if err := transport.Wait(ctx, pause.Next()); err != nil {
			return s, err
		}
	}
}

func (s savedSnapshot) why() string {
	for _, f := range s.Failures {
		return transport.Clip(f)
	}
	return s.Reason
}

// Saved reads a snapshot; it must hold one generation of this alias, whole.
func (t *Target) Saved(ctx context.Context, repository, name string) (sinks.Snapshot, error) {
	if name == "" {
		var err error
		if name, err = t.newest(ctx, repository); err != nil {
			return sinks.Snapshot{}, err
		}
	}
	s, state, err := t.saved(ctx, repository, name)
	if err == nil && state.State != "SUCCESS" {
		err = transport.Guardf("take another one, or wait for it", "snapshot %s/%s is not whole (%s): %s", repository, name, state.State, state.why())
	}
	return s, err
}

func (t *Target) saved(ctx context.Context, repository, name string) (sinks.Snapshot, savedSnapshot, error) {
	var a struct {
		Snapshots []savedSnapshot `json:"snapshots"`
	}
	s := sinks.Snapshot{Repository: repository, Name: name}
	path := snapshotPath(repository, name)
	err := t.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: transport.DefaultRetry}, &a)
	what := fmt.Sprintf("read snapshot %s/%s", repository, name)
	if err != nil {
		return s, savedSnapshot{}, t.explainRepository(what, repository, err)
	}
	if len(a.Snapshots) != 1 {
		return s, savedSnapshot{}, transport.Failedf("%s: the answer is about %d snapshots", what, len(a.Snapshots))
	}
	one := a.Snapshots[0]
	s.Taken, s.Took = time.UnixMilli(one.Started).UTC(), time.Duration(one.Millis)*time.Millisecond
	_ = json.Unmarshal(one.Metadata[metaKey], &s.Meta) // else humpty did not take it
	generations := t.generationsOf(one.Indices)
	if len(generations) != 1 {
		return s, one, transport.Guardf("name a snapshot that `humpty snapshot` took",
			"snapshot %s/%s holds %d generations of alias %s (indices %s), not one", repository, name, len(generations), t.cfg.Alias, strings.Join(one.Indices, ", "))
	}
	s.Generation = generations[0]
	if _, s.Bytes, err = t.progress(ctx, path); err != nil {
		return s, one, t.Explain(what, err)
	}
	return s, one, nil
}

// newest finds the newest whole snapshot with one generation of this alias.
func (t *Target) newest(ctx context.Context, repository string) (string, error) {
	var a struct {
		Snapshots []struct {
			savedSnapshot
			Name string `json:"snapshot"`
		} `json:"snapshots"`
	}
	path := "/_snapshot/" + url.PathEscape(repository) + "/_all"
	if err := t.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: transport.DefaultRetry}, &a); err != nil {
		return "", t.explainRepository("list the snapshots of "+repository, repository, err)
	}
	name, at := "", int64(0)
	for _, s := range a.Snapshots {
		if s.State == "SUCCESS" && len(t.generationsOf(s.Indices)) == 1 && s.Started >= at {
			name, at = s.Name, s.Started
		}
	}
	if name == "" {
		return "", transport.Guardf("`humpty snapshot` takes one", "repository %s holds no whole snapshot of a generation of alias %s (of %d snapshots)", repository, t.cfg.Alias, len(a.Snapshots))
	}
	return name, nil
}

func (t *Target) generationsOf(indices []string) []string {
	var ours []string
	for _, index := range indices {
		if strings.HasPrefix(index, t.cfg.Alias+"-") {
			ours = append(ours, index)
		}
	}
	return ours
}

// progress is how many bytes of a snapshot are there.
func (t *Target) progress(ctx context.Context, path string) (done, total int64, err error) {
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
	if err := t.Call(ctx, transport.Request{Method: http.MethodGet, Path: path + "/_status", RetryFor: transport.DefaultRetry}, &a); err != nil {
		return 0, 0, err
	}
	for _, s := range a.Snapshots {
		done += s.Stats.Processed.Bytes + s.Stats.Total.Bytes - s.Stats.Incremental.Bytes
		total += s.Stats.Total.Bytes
	}
	return done, total, nil
}

// explainRepository adds what to do about a repository or a snapshot that is not there.
func (t *Target) explainRepository(what, repository string, err error) error {
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
	return t.Explain(what, err)
}
