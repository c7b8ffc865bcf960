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
	"humpty/sinks/elastic/transport"
)

// Survey reads what there is for the alias; it changes nothing. Counts that cannot be
// had (a red index, a generation that is still loading) are -1.
func (t *Target) Survey(ctx context.Context) (sinks.Survey, error) {
	if err := t.CheckIdentity(ctx); err != nil {
		return sinks.Survey{}, err
	}
	alias := t.cfg.Alias
	s := sinks.Survey{Product: t.Product.Name, Version: t.Version, Cluster: t.UUID, Alias: alias}
	if err := t.noDataStream(ctx); err != nil {
		return s, err
	}
	all, err := t.look(ctx, url.PathEscape(alias)+","+url.PathEscape(alias)+"-*")
	if err != nil {
		return s, err
	}
	sizes, err := t.sizes(ctx)
	if err != nil {
		return s, err
	}
	for name, f := range all {
		meta, ours := f.ours(alias)
		if ours {
			s.Generations = append(s.Generations, t.generation(ctx, name, f, meta, sizes))
		}
		if of, serves := f.Aliases[alias]; serves {
			s.Serving = append(s.Serving, sinks.Serving{
				Index: name, Ours: ours, WriteIndex: of.WriteIndex, Filter: of.Filter, Hidden: of.Hidden,
				Routing: of.IndexRouting, Searched: of.searched(), Documents: t.documents(ctx, name),
			})
			s.Warnings = append(s.Warnings, f.others(name, alias)...)
		}
		if name == alias {
			s.Conflict = &sinks.ConflictingIndex{Index: name, UUID: f.setting("index.uuid"), Documents: t.documents(ctx, name)}
		}
	}
	slices.SortFunc(s.Generations, func(a, b sinks.Generation) int {
		return cmp.Or(a.Created.Compare(b.Created), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(s.Serving, func(a, b sinks.Serving) int { return cmp.Compare(a.Index, b.Index) })
	more, err := t.warnings(ctx, all)
	s.Warnings = append(s.Warnings, more...)
	return s, err
}

func (t *Target) generation(ctx context.Context, name string, f found, meta sinks.Meta, sizes map[string]size) sinks.Generation {
	g := sinks.Generation{Name: name, Meta: meta, Documents: -1, Bytes: -1}
	if ms, err := strconv.ParseInt(f.setting("index.creation_date"), 10, 64); err == nil {
		g.Created = time.UnixMilli(ms).UTC()
	}
	if z, ok := sizes[name]; ok {
		g.Bytes, g.Health = z.bytes, z.health
	}
	if _, loading := meta.PendingSettings["index.refresh_interval"]; !loading && g.Health != "red" {
		g.Documents = t.documents(ctx, name) // while it loads nothing is refreshed: a count would say 0
	}
	return g
}

// documents counts, or says that it does not know.
func (t *Target) documents(ctx context.Context, name string) int64 {
	n, err := t.count(ctx, "/"+url.PathEscape(name))
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

func (t *Target) sizes(ctx context.Context) (map[string]size, error) {
	var rows []struct {
		Index, Health string
		Bytes         string `json:"store.size"`
	}
	path := "/_cat/indices/" + url.PathEscape(t.cfg.Alias) + "-*?format=json&bytes=b&expand_wildcards=all&h=index,health,store.size"
	_, err := t.Get(ctx, path, &rows)
	var no *transport.ResponseError
	switch {
	case errors.As(err, &no) && no.Status == http.StatusForbidden:
		return nil, nil // an account that may only read: sizes and health stay unknown
	case err != nil:
		return nil, t.Explain("read the sizes of the generations", err)
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
func (t *Target) noDataStream(ctx context.Context) error {
	var a struct {
		Streams []struct {
			Name string `json:"name"`
		} `json:"data_streams"`
	}
	path := "/_resolve/index/" + url.PathEscape(t.cfg.Alias) + "?expand_wildcards=all"
	if _, err := t.Get(ctx, path, &a); err != nil {
		return t.Explain("look for "+t.cfg.Alias, err)
	}
	for _, s := range a.Streams {
		if s.Name == t.cfg.Alias {
			return transport.Guardf("choose another alias for the projection",
				"%s is a data stream: data streams only append, and cannot be swapped for a generation", s.Name)
		}
	}
	return nil
}
