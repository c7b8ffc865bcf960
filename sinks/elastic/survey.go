package elastic

import (
	"cmp"
	"context"
	"errors"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/scan"
	"humpty/sinks/elastic/transport"
)

// Survey reads what there is for the alias; it changes nothing. Counts that cannot be
// had (a red index, a generation that is still loading) are -1.
func (c *catalog) Survey(ctx context.Context) (sinks.Survey, error) {
	if err := c.CheckIdentity(ctx); err != nil {
		return sinks.Survey{}, err
	}
	alias := c.cfg.Alias
	s := sinks.Survey{Product: c.Product.Name, Version: c.Version, Cluster: c.UUID, Alias: alias}
	if err := c.noDataStream(ctx); err != nil {
		return s, err
	}
	all, err := c.readIndices(ctx, url.PathEscape(alias)+","+url.PathEscape(alias)+"-*")
	if err != nil {
		return s, err
	}
	sizes, err := c.sizes(ctx)
	if err != nil {
		return s, err
	}
	for name, f := range all {
		meta, foreign, claims := f.claim(alias, name)
		ours := claims && foreign.Why == ""
		if damaged := f.damagedMeta(name); damaged != "" {
			s.Warnings = append(s.Warnings, damaged)
		}
		switch {
		case ours:
			s.Generations = append(s.Generations, c.generation(ctx, name, f, meta, sizes))
		case claims:
			foreign.Documents = c.documents(ctx, name)
			s.Foreign = append(s.Foreign, foreign)
		}
		if of, serves := f.Aliases[alias]; serves {
			s.Serving = append(s.Serving, sinks.Serving{
				Index: name, Ours: ours, WriteIndex: of.WriteIndex, Filter: of.Filter, Hidden: of.Hidden,
				Routing: of.IndexRouting, SearchRouting: of.SearchRouting, Documents: c.documents(ctx, name),
			})
			s.Warnings = append(s.Warnings, f.otherAliases(name, alias)...)
		}
		if name == alias {
			s.Conflict = &sinks.ConflictingIndex{Index: name, UUID: f.setting("index.uuid"), Documents: c.documents(ctx, name)}
		}
	}
	slices.SortFunc(s.Generations, func(a, b sinks.Generation) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Foreign, func(a, b sinks.Foreign) int { return cmp.Compare(a.Index, b.Index) })
	slices.SortFunc(s.Serving, func(a, b sinks.Serving) int { return cmp.Compare(a.Index, b.Index) })
	more, err := c.hazards.warnings(ctx, all)
	s.Warnings = append(s.Warnings, more...)
	return s, err
}

// SampleVersions implements sinks.VersionSampler.
func (c *catalog) SampleVersions(ctx context.Context, index string, n int, fn func(docs []sinks.Document) error) error {
	return scan.New(c.Client, index, 1).Versions(ctx, n, fn)
}

func (c *catalog) generation(ctx context.Context, name string, f indexInfo, meta sinks.Meta, sizes map[string]size) sinks.Generation {
	g := sinks.Generation{Name: name, Meta: meta, Documents: -1, Bytes: -1}
	if ms, err := strconv.ParseInt(f.setting("index.creation_date"), 10, 64); err == nil {
		g.Created = time.UnixMilli(ms).UTC()
	}
	if z, ok := sizes[name]; ok {
		g.Bytes, g.Health = z.bytes, z.health
	}
	if _, loading := meta.PendingSettings["index.refresh_interval"]; !loading && g.Health != "red" {
		g.Documents = c.documents(ctx, name) // while it loads nothing is refreshed: a count would say 0
	}
	return g
}

// documents counts, or says that it does not know.
func (c *catalog) documents(ctx context.Context, name string) int64 {
	n, err := c.count(ctx, "/"+url.PathEscape(name))
	if err != nil {
		return -1
	}
	return n
}

// size is what _cat says about an index.
type size struct {
	bytes  int64
	health string
}

func (c *catalog) sizes(ctx context.Context) (map[string]size, error) {
	var rows []struct {
		Index, Health string
		Bytes         string `json:"store.size"`
	}
	path := "/_cat/indices/" + url.PathEscape(c.cfg.Alias) + "-*?format=json&bytes=b&expand_wildcards=all&h=index,health,store.size"
	_, err := c.Get(ctx, path, &rows)
	var no *transport.ResponseError
	switch {
	case errors.As(err, &no) && no.Status == http.StatusForbidden:
		return nil, nil // an account that may only read: sizes and health stay unknown
	case err != nil:
		return nil, c.Explain("read the sizes of the generations", err)
	}
	sizes := map[string]size{}
	for _, r := range rows {
		z := size{bytes: -1, health: r.Health}
		if n, err := strconv.ParseInt(r.Bytes, 10, 64); err == nil {
			z.bytes = n
		}
		sizes[r.Index] = z
	}
	return sizes, nil
}

// noDataStream refuses a data stream on the alias's name: it cannot be swapped.
func (c *catalog) noDataStream(ctx context.Context) error {
	var a struct {
		Streams []struct {
			Name string `json:"name"`
		} `json:"data_streams"`
	}
	path := "/_resolve/index/" + url.PathEscape(c.cfg.Alias) + "?expand_wildcards=all"
	if _, err := c.Get(ctx, path, &a); err != nil {
		return c.Explain("look for "+c.cfg.Alias, err)
	}
	for _, s := range a.Streams {
		if s.Name == c.cfg.Alias {
			return transport.Guardf("choose another alias for the projection",
				"%s is a data stream: data streams only append, and cannot be swapped for a generation", s.Name)
		}
	}
	return nil
}
