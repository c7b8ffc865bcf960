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

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// Target is one alias of one cluster.
type Target struct{ *cluster }

var (
	_ sinks.Target = (*Target)(nil)
	_ sinks.Leases = (*Target)(nil)
)

// Dial connects to the cluster, finds out what it is, and refuses it if it is not the
// one that is pinned. Errors are *Error.
func Dial(ctx context.Context, cfg Config) (*Target, error) {
	c, err := newCluster(cfg)
	if err != nil {
		return nil, err
	}
	if err := c.Connect(ctx); err != nil {
		return nil, err
	}
	return &Target{cluster: c}, nil
}

// found is an index as `GET /name` tells it.
type found struct {
	Aliases  map[string]aliasOf `json:"aliases"`
	Mappings struct {
		Meta map[string]json.RawMessage `json:"_meta"`
	} `json:"mappings"`
	Settings map[string]any `json:"settings"` // flat
}

// aliasOf is what an alias says on one index.
type aliasOf struct {
	WriteIndex    *bool           `json:"is_write_index"`
	Filter        json.RawMessage `json:"filter"`
	IndexRouting  string          `json:"index_routing"`
	SearchRouting string          `json:"search_routing"`
	Hidden        *bool           `json:"is_hidden"`
}

// searched is the routing of searches, where it is another than that of writes.
func (a aliasOf) searched() string {
	if a.SearchRouting == a.IndexRouting {
		return ""
	}
	return a.SearchRouting
}

// others says which further aliases an index that serves has: a swap leaves them there.
func (f found) others(name, alias string) []string {
	var others []string
	for _, other := range slices.Sorted(maps.Keys(f.Aliases)) {
		if other != alias && other != name+loadSuffix {
			others = append(others, other)
		}
	}
	if len(others) == 0 {
		return nil
	}
	return []string{fmt.Sprintf("index %s also serves %s: a swap of %s leaves that as it is; whoever reads through it goes on reading %[1]s", name, strings.Join(others, ", "), alias)}
}

func (f found) setting(key string) string {
	s, _ := f.Settings[key].(string)
	return s
}

// metaKey is where humpty's meta is in an index's _meta.
const metaKey = "humpty"

// ours reads the meta of a generation of alias.
func (f found) ours(alias string) (sinks.Meta, bool) {
	var m sinks.Meta
	raw, ok := f.Mappings.Meta[metaKey]
	if !ok || json.Unmarshal(raw, &m) != nil || m.Alias != alias {
		return sinks.Meta{}, false
	}
	return m, true
}

// about is what is asked of an index; its fields are left out, they may be many.
const about = "?flat_settings=true&expand_wildcards=all&ignore_unavailable=true&allow_no_indices=true&filter_path=*.aliases,*.mappings._meta,*.settings"

// look reads the indices that an expression names.
func (c *cluster) look(ctx context.Context, expression string) (map[string]found, error) {
	var all map[string]found
	_, err := c.Get(ctx, "/"+expression+about, &all)
	if err != nil {
		return nil, c.Explain("read index "+expression, err)
	}
	return all, nil
}

// Open opens a generation of this alias; anything else is an error of kind Guard.
func (t *Target) Open(ctx context.Context, name string) (sinks.Index, error) {
	return t.open(ctx, name)
}

func (t *Target) open(ctx context.Context, name string) (*index, error) {
	all, err := t.look(ctx, url.PathEscape(name))
	if err != nil {
		return nil, err
	}
	f, ok := all[name]
	if !ok {
		return nil, transport.Guardf("`humpty status` lists the generations", "there is no index %s", name)
	}
	meta, ok := f.ours(t.cfg.Alias)
	if !ok {
		return nil, transport.Guardf("`humpty status` lists the generations",
			"index %s was not made by humpty for alias %s (its _meta does not say so): it is not touched", name, t.cfg.Alias)
	}
	return newIndex(t.cluster, name, f, meta), nil
}

// Drop deletes a generation that no alias serves; it refuses anything else.
func (t *Target) Drop(ctx context.Context, name string) error {
	if err := t.CheckIdentity(ctx); err != nil {
		return err
	}
	if _, err := t.open(ctx, name); err != nil {
		return err
	}
	all, err := t.look(ctx, url.PathEscape(name))
	if err != nil {
		return err
	}
	for alias := range all[name].Aliases {
		if alias != name+loadSuffix {
			return transport.Guardf("swap the alias to another generation first", "index %s is not dropped: alias %s serves it", name, alias)
		}
	}
	err = t.Change(ctx, http.MethodDelete, "/"+url.PathEscape(name), nil)
	if missing(err) {
		return nil // an earlier attempt of this call did it
	}
	return t.Explain("drop index "+name, err)
}

// Errors, as package transport has them.
type (
	Error = transport.Error
	Kind  = transport.Kind
)

// The kinds of errors.
const (
	Failed      = transport.Failed
	Unreachable = transport.Unreachable
	Guard       = transport.Guard
	Rights      = transport.Rights
	Definition  = transport.Definition
	BadConfig   = transport.BadConfig
)
