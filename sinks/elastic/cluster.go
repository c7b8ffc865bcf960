package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"humpty/sinks/elastic/fence"
	"humpty/sinks/elastic/transport"
)

// cluster is what the parts of a target, and of its indices, speak to.
type cluster struct {
	*transport.Client
	cfg     Config
	numbers *fence.Numbers // of writers
}

func newCluster(cfg Config) (*cluster, error) {
	cfg = cfg.withDefaults()
	connection := cfg.connection()
	if err := connection.Validate(); err != nil {
		return nil, err
	}
	if err := cfg.validate(); err != nil {
		return nil, err
	}
	client, err := transport.New(connection)
	if err != nil {
		return nil, err
	}
	c := &cluster{Client: client, cfg: cfg}
	c.numbers = fence.NewNumbers(client, leaseIndex, cfg.Alias, leases{c}.ensureIndex)
	return c, nil
}

// indexInfo is an index as `GET /name` tells it.
type indexInfo struct {
	Aliases  map[string]aliasInfo `json:"aliases"`
	Mappings struct {
		Meta map[string]json.RawMessage `json:"_meta"`
	} `json:"mappings"`
	Settings   map[string]any `json:"settings"`    // flat
	DataStream string         `json:"data_stream"` // that it is a part of
}

// aliasInfo is what an alias says on one index.
type aliasInfo struct {
	WriteIndex    *bool           `json:"is_write_index"`
	Filter        json.RawMessage `json:"filter"`
	IndexRouting  string          `json:"index_routing"`
	SearchRouting string          `json:"search_routing"`
	Hidden        *bool           `json:"is_hidden"`
}

// otherAliases says which further aliases an index that serves has: a swap leaves them there.
func (f indexInfo) otherAliases(name, alias string) []string {
	var others []string
	for _, other := range slices.Sorted(maps.Keys(f.Aliases)) {
		if other != alias && !fence.IsWriters(name, other) {
			others = append(others, other)
		}
	}
	if len(others) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("index %s also serves %s: a swap of %s leaves that as it is; whoever reads through it goes on reading %[1]s", name, strings.Join(others, ", "), alias)}
}

func (f indexInfo) setting(key string) string {
	s, _ := f.Settings[key].(string)
	return s
}

// indexFields is what is asked of an index; its fields are left out, they may be many.
const indexFields = "?flat_settings=true&expand_wildcards=all&ignore_unavailable=true&allow_no_indices=true&filter_path=*.aliases,*.mappings._meta,*.settings,*.data_stream"

// readIndices reads the indices that an expression names.
func (c *cluster) readIndices(ctx context.Context, expression string) (map[string]indexInfo, error) {
	var all map[string]indexInfo
	_, err := c.Get(ctx, "/"+expression+indexFields, &all)
	if err != nil {
		return nil, c.Explain("read index "+expression, err)
	}
	return all, nil
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

// recoveryProgress is how many bytes of an index's shards are where they are to be, of those that
// were or are brought there.
func (c *cluster) recoveryProgress(ctx context.Context, name, which string) (done, total int64, shards int, err error) {
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
