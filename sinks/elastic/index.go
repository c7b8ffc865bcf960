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
	"sync/atomic"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

var _ sinks.ThrottleCounter = (*index)(nil)

// index is one generation.
type index struct {
	*cluster
	name, uuid string
	path       string // of its name
	bulk       string // where documents are sent to
	shards     int

	attempts sync.Pool              // of *attempt
	limit    atomic.Int64           // bytes of one bulk body; a 413 lowers it
	opaque   atomic.Pointer[string] // who we are, in the cluster's task list and logs
	revival  revival                // after outages
	full     atomic.Int64           // requests that were refused because the target is full

	mu   sync.Mutex
	meta sinks.Meta                 // as noted last; Restore is ours
	own  map[string]json.RawMessage // the user's keys of _meta
	seen map[string]history         // by shard, at the last look
}

func newIndex(c *cluster, name string, f found, meta sinks.Meta) *index {
	own := maps.Clone(f.Mappings.Meta)
	delete(own, metaKey)
	x := &index{cluster: c, name: name, uuid: f.setting("index.uuid"), path: "/" + url.PathEscape(name), meta: meta, own: own}
	x.shards, _ = strconv.Atoi(f.setting("index.number_of_shards")) // always there, but for 0 nothing is scanned: see Scan
	// The server shall not wait for shards that have no node for as long as it would: 1 m.
	away := min(max(c.cfg.UnassignedTimeout/10, time.Second), 10*time.Second)
	x.bulk = x.path + loadSuffix + "/_bulk?require_alias=true&timeout=" + strconv.FormatInt(away.Milliseconds(), 10) + "ms&filter_path=" + bulkParts
	x.limit.Store(int64(c.cfg.MaxRequestBytes))
	x.attempts.New = func() any { return new(attempt) }
	x.tag()
	return x
}

func (x *index) tag() {
	tag := fmt.Sprintf("humpty-%s-%d", x.meta.Run, x.meta.Epoch)
	x.opaque.Store(&tag)
}

// ThrottledTotal implements sinks.ThrottleCounter.
func (x *index) ThrottledTotal() int64 { return x.full.Load() }

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
