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
	x, foreign, err := c.read(ctx, name)
	switch {
	case err != nil:
		return nil, err
	case foreign.Why != "":
		return nil, c.refuse(foreign)
	}
	return x, nil
}

// read opens an index that the alias's meta is in, and says whether it is a generation.
func (c *catalog) read(ctx context.Context, name string) (*index, sinks.Foreign, error) {
	all, err := c.readIndices(ctx, url.PathEscape(name))
	if err != nil {
		return nil, sinks.Foreign{}, err
	}
	f, ok := all[name]
	if !ok {
		return nil, sinks.Foreign{}, transport.Guardf("`humpty status` lists the generations", "there is no index %s", name)
	}
	meta, foreign, claims := f.claim(c.cfg.Alias, name)
	if !claims {
		return nil, foreign, c.refuse(sinks.Foreign{Index: name, Why: "its _meta does not say so"})
	}
	return newIndex(c.cluster, name, f, meta), foreign, nil
}

func (c *catalog) refuse(foreign sinks.Foreign) error {
	return transport.Guardf("`humpty status` lists the generations",
		"index %s was not made by humpty for alias %s (%s): it is not touched", foreign.Index, c.cfg.Alias, foreign.Why)
}

// Drop deletes a generation that no alias serves, or an unfinished one; it refuses anything else.
func (c *catalog) Drop(ctx context.Context, name string) error {
	if err := c.CheckIdentity(ctx); err != nil {
		return err
	}
	x, foreign, err := c.read(ctx, name)
	switch {
	case err != nil:
		return err
	case foreign.Unfinished:
		if n, err := x.Count(ctx); err != nil || n > 0 {
			return errors.Join(err, transport.Guardf("look at what is in it", "index %s is not dropped: it has %d documents, and nothing was written to it by humpty", name, n))
		}
	case foreign.Why != "":
		return c.refuse(foreign)
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
	g.Meta.Name, g.Meta.UUID = g.Name, "" // which is known when the index is there: see own
	body, err := d.body(writer, g.Meta, templates.settings.without(d.settings), during)
	if err != nil {
		return nil, err
	}
	if err := c.createIndex(ctx, g, body); err != nil {
		return nil, err
	}
	crashpoint.At("index empty")
	return c.own(ctx, g, d, writer)
}

// own writes down in the index that was just made that it is the generation of its meta: from
// then on it is ours, and may be written to. An earlier process of the run may have made it.
func (c *catalog) own(ctx context.Context, g sinks.Generation, d definition, writer string) (*index, error) {
	made, foreign, err := c.read(ctx, g.Name)
	switch {
	case err != nil:
		return nil, err
	case foreign.Why != "" && !foreign.Unfinished:
		return nil, c.refuse(foreign)
	}
	switch there, err := made.There(ctx, writer); {
	case err != nil:
		return nil, err
	case len(there) > 0:
		made.Use(writer)
	default:
		if err := made.BeginWriter(ctx, sinks.LeaseWriter); err != nil {
			return nil, err
		}
	}
	return made, made.noteSpelling(ctx, g.Meta, d)
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
		return nil // an earlier attempt of this call did it, or an earlier process of the run
	case errors.As(err, &no) && no.Type == "resource_already_exists_exception":
		return transport.Guardf("", "index %s exists already", g.Name)
	case err != nil:
		return c.Explain("create index "+g.Name, err)
	case !a.Acknowledged:
		return transport.Failedf("index %s was asked for, but the cluster did not confirm it in time; `humpty status` says what became of it", g.Name)
	case !a.Shards:
		e := transport.Failedf("index %s was made, but no node takes its shards: %s; `humpty status` says how to drop it", g.Name, c.whyUnassigned(ctx, g.Name, 0))
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
	m, foreign, claims := all[g.Name].claim(c.cfg.Alias, g.Name)
	return claims && foreign.Unfinished && m.Run == g.Meta.Run
}

// isNotFound tells whether an index is not there (any more).
func isNotFound(err error) bool {
	var no *transport.ResponseError
	return errors.As(err, &no) && no.Type == transport.IndexNotFoundException
}
