package elastic

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"strings"

	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/sinks"
	"humpty/sinks/elastic/fence"
	"humpty/sinks/elastic/mapping"
	"humpty/sinks/elastic/transport"
)

// catalog is the indices that humpty made for the alias.
type catalog struct {
	*cluster
	preflight *preflight
	hazards   hazards
}

// Open opens a generation of this alias; anything else is an error of kind Guard.
func (c *catalog) Open(ctx context.Context, name string) (sinks.Index, error) {
	return c.open(ctx, name)
}

func (c *catalog) open(ctx context.Context, name string) (*index, error) {
	all, err := c.readIndices(ctx, url.PathEscape(name))
	if err != nil {
		return nil, err
	}
	f, ok := all[name]
	if !ok {
		return nil, transport.Guardf("`humpty status` lists the generations", "there is no index %s", name)
	}
	meta, ok := f.generationMeta(c.cfg.Alias)
	if !ok {
		return nil, transport.Guardf("`humpty status` lists the generations",
			"index %s was not made by humpty for alias %s (its _meta does not say so): it is not touched", name, c.cfg.Alias)
	}
	return newIndex(c.cluster, name, f, meta), nil
}

// Drop deletes a generation that no alias serves; it refuses anything else.
func (c *catalog) Drop(ctx context.Context, name string) error {
	if err := c.CheckIdentity(ctx); err != nil {
		return err
	}
	if _, err := c.open(ctx, name); err != nil {
		return err
	}
	all, err := c.readIndices(ctx, url.PathEscape(name))
	if err != nil {
		return err
	}
	for alias := range all[name].Aliases {
		if !fence.IsWriters(name, alias) {
			return transport.Guardf("swap the alias to another generation first", "index %s is not dropped: alias %s serves it", name, alias)
		}
	}
	err = c.Change(ctx, http.MethodDelete, "/"+url.PathEscape(name), nil)
	if isNotFound(err) {
		return nil // an earlier attempt of this call did it
	}
	return c.Explain("drop index "+name, err)
}

// Create makes the generation's index in one call: the user's definition, the load's
// settings over it, the journal and meta, and the alias that it is written through.
func (c *catalog) Create(ctx context.Context, g sinks.Generation) (sinks.Index, error) {
	if err := c.CheckIdentity(ctx); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(g.Name, c.cfg.Alias+"-") || g.Meta.Alias != c.cfg.Alias {
		return nil, transport.Guardf("", "index %s cannot be a generation of alias %s: its name must begin with %[2]s-", g.Name, c.cfg.Alias)
	}
	if err := c.preflight.Permitted(ctx); err != nil {
		return nil, err
	}
	d, templates, err := c.prepare(ctx, g.Name, g.Definition)
	if err != nil {
		return nil, err
	}
	during, err := loadSettings(c.cfg.Load.Nodes)
	if err != nil {
		return nil, err
	}
	number, err := c.numbers.Next(ctx)
	if err != nil {
		return nil, err
	}
	writer := fence.Alias(g.Name, number)
	body, err := d.body(writer, g.Meta, templates.settings.without(d.settings), during)
	if err != nil {
		return nil, err
	}
	if err := c.createIndex(ctx, g, body); err != nil {
		return nil, err
	}
	crashpoint.At("index empty")
	made, err := c.open(ctx, g.Name)
	if err != nil {
		return nil, err
	}
	made.Use(writer)
	return made, made.noteSpelling(ctx, d)
}

// prepare takes the definition apart, and finds what templates and policies would do to it.
func (c *catalog) prepare(ctx context.Context, name string, raw json.RawMessage) (definition, templateSum, error) {
	d, err := parseDefinition(raw)
	if err != nil {
		return d, templateSum{}, err
	}
	templates, err := c.preflight.templates(ctx, name)
	if err != nil {
		return d, templates, err
	}
	if err := templates.settings.without(d.settings).check("an index template that matches "+name+" is in the way: its", "narrow the template's index_patterns, so that they do not match "+c.cfg.Alias+"-*"); err != nil {
		return d, templates, err
	}
	return d, templates, c.preflight.checkPolicies(ctx, name)
}

// CheckDraft holds a definition, with the templates that apply to it, against the documents, the
// alias and the cluster.
func (c *catalog) CheckDraft(ctx context.Context, draft sinks.Draft) (problem.List, error) {
	d, templates, err := c.prepare(ctx, draft.Name, draft.Definition)
	if err != nil {
		return nil, err
	}
	all := maps.Clone(templates.settings)
	maps.Copy(all, d.settings)
	found := mapping.New(all, append(templates.mappings, d.mappings)...).Check(draft.Fields, draft.Routed)
	found = append(found, misplaced(draft, all)...)
	tried, err := c.preflight.simulate(ctx, draft.Name, all, d)
	if err != nil {
		return nil, err
	}
	room, err := c.hazards.roomForShards(ctx, all)
	return append(append(found, tried...), room...), err
}

func (c *catalog) createIndex(ctx context.Context, g sinks.Generation, body []byte) error {
	var a struct {
		transport.Acknowledgement
		Shards bool `json:"shards_acknowledged"`
	}
	err := c.Call(ctx, transport.Request{Method: http.MethodPut, Path: "/" + url.PathEscape(g.Name), Body: body, RetryFor: transport.DefaultRetry}, &a)
	var no *transport.ResponseError
	switch {
	case errors.As(err, &no) && no.Type == "resource_already_exists_exception" && c.madeBefore(ctx, g):
		return nil // an earlier attempt of this call did it
	case errors.As(err, &no) && no.Type == "resource_already_exists_exception":
		return transport.Guardf("", "index %s exists already", g.Name)
	case err != nil:
		return c.Explain("create index "+g.Name, err)
	case !a.Acknowledged:
		return transport.Failedf("index %s was asked for, but the cluster did not confirm it in time; `humpty prune` drops it", g.Name)
	case !a.Shards:
		e := transport.Failedf("index %s was made, but no node takes its shards: %s; `humpty prune` drops it", g.Name, c.whyUnassigned(ctx, g.Name, 0))
		e.Remedy = "free disk space or add a node, or correct the allocation settings"
		return e
	}
	return nil
}

func (c *catalog) madeBefore(ctx context.Context, g sinks.Generation) bool {
	all, err := c.readIndices(ctx, url.PathEscape(g.Name))
	if err != nil {
		return false
	}
	m, ok := all[g.Name].generationMeta(c.cfg.Alias)
	return ok && m.Run == g.Meta.Run && m.Epoch == g.Meta.Epoch && m.State == g.Meta.State
}

// isNotFound tells whether an index is not there (any more).
func isNotFound(err error) bool {
	var no *transport.ResponseError
	return errors.As(err, &no) && no.Type == transport.IndexNotFoundException
}
