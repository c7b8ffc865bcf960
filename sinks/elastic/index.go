package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"strconv"
	"sync"

	"humpty/sinks"
	"humpty/sinks/elastic/bulk"
	"humpty/sinks/elastic/scan"
	"humpty/sinks/elastic/transport"
)

// index is one generation.
type index struct {
	*cluster
	*bulk.Writer
	*scan.Reader
	name, uuid string
	path       string // of its name
	shards     int

	mu   sync.Mutex
	meta sinks.Meta                 // as noted last; PendingSettings is ours
	own  map[string]json.RawMessage // the user's keys of _meta
	seen map[string]history         // by shard, at the last look
}

func newIndex(c *cluster, name string, f found, meta sinks.Meta) *index {
	own := maps.Clone(f.Mappings.Meta)
	delete(own, metaKey)
	x := &index{cluster: c, name: name, uuid: f.setting("index.uuid"), path: "/" + url.PathEscape(name), meta: meta, own: own}
	x.shards, _ = strconv.Atoi(f.setting("index.number_of_shards")) // always there, but for 0 nothing is scanned: see Scan
	x.Writer = bulk.New(c.Client, bulk.Config{
		Index: name, Path: x.path + loadSuffix,
		MaxRequestBytes: c.cfg.MaxRequestBytes, Gzip: c.cfg.Gzip,
		RetryBound: c.cfg.RetryBound, UnassignedTimeout: c.cfg.UnassignedTimeout, Waiting: c.cfg.Waiting,
		Missing: x.restoreLoadAlias, Unassigned: x.unassigned,
	})
	x.Reader = scan.New(c.Client, name, x.shards)
	x.tag()
	return x
}

func (x *index) tag() { x.Tag(x.meta.Run, x.meta.Epoch) }

// Note replaces the meta, all but its Restore: that journal is written by Create and
// worked off by Seal.
func (x *index) Note(ctx context.Context, m sinks.Meta) error {
	x.mu.Lock()
	defer x.mu.Unlock()
	m.PendingSettings = x.meta.PendingSettings
	return x.note(ctx, m)
}

// note writes m; mu is held.
func (x *index) note(ctx context.Context, m sinks.Meta) error {
	raw, err := metaBody(x.own, m)
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

// shardsAnswer is the part of many answers that says whether all shards took part.
type shardsAnswer struct {
	Shards struct {
		Total, Successful, Failed int
		Failures                  []json.RawMessage
	} `json:"_shards"`
}

func (a shardsAnswer) err() error {
	if a.Shards.Failed == 0 && a.Shards.Total > 0 {
		return nil
	}
	reason := ""
	for _, f := range a.Shards.Failures {
		reason = ": " + transport.Clip(f)
	}
	return fmt.Errorf("%d of %d shards failed%s", a.Shards.Failed, a.Shards.Total, reason)
}

// onShards makes a call that every shard must have answered.
func (x *index) onShards(ctx context.Context, method, verb string) error {
	var a shardsAnswer
	err := x.Call(ctx, transport.Request{Method: method, Path: x.path + "/" + verb, RetryFor: transport.DefaultRetry}, &a)
	if err == nil {
		err = a.err()
	}
	if err != nil {
		return x.Explain(verb[1:]+" index "+x.name, err)
	}
	return nil
}

// Count refreshes and counts what a search would find.
func (x *index) Count(ctx context.Context) (int64, error) {
	if err := x.onShards(ctx, http.MethodPost, "_refresh"); err != nil {
		return 0, err
	}
	return x.count(ctx, x.path)
}

// count is the number of documents that a search finds now; nested ones do not count.
func (c *cluster) count(ctx context.Context, path string) (int64, error) {
	var a struct {
		shardsAnswer
		Count int64 `json:"count"`
	}
	err := c.Call(ctx, transport.Request{Method: http.MethodGet, Path: path + "/_count", RetryFor: transport.DefaultRetry}, &a)
	if err == nil {
		err = a.err()
	}
	if err != nil {
		return 0, c.Explain("count "+path[1:], err)
	}
	return a.Count, nil
}

// restoreLoadAlias finds out why the alias that is written through is missing. Only if the index
// is still the one that was opened the alias is put back.
func (x *index) restoreLoadAlias(ctx context.Context, undecided int) error {
	all, err := x.look(ctx, x.path[1:])
	if err != nil {
		return err
	}
	f, ok := all[x.name]
	switch {
	case !ok:
		return &Error{
			Kind: Failed, What: fmt.Sprintf("index %s was deleted while it was written (%d documents of the batch are without a verdict)", x.name, undecided),
			Remedy: "find out who deletes indices, then begin a new rebuild; the alias is as it was",
		}
	case f.setting("index.uuid") != x.uuid:
		return &Error{
			Kind: Failed, What: fmt.Sprintf("index %s was deleted and made again by somebody else while it was written", x.name),
			Remedy: "delete that index and begin a new rebuild; the alias is as it was",
		}
	}
	return x.addLoadAlias(ctx)
}

func (x *index) addLoadAlias(ctx context.Context) error {
	add := map[string]any{"index": x.name, "alias": x.name + loadSuffix, "is_hidden": true}
	body, err := json.Marshal(map[string]any{"actions": []any{map[string]any{"add": add}}})
	if err != nil {
		return err
	}
	if err := x.Change(ctx, http.MethodPost, "/_aliases", body); err != nil {
		return x.Explain("put back alias "+x.name+loadSuffix, err)
	}
	return nil
}
