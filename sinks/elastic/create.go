package elastic

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// Create makes the generation's index in one call: the user's definition, the load's
// settings over it, the journal and meta, and the alias that it is written through.
func (t *Target) Create(ctx context.Context, g sinks.Generation) (sinks.Index, error) {
	if err := t.CheckIdentity(ctx); err != nil {
		return nil, err
	}
	if !strings.HasPrefix(g.Name, t.cfg.Alias+"-") || g.Meta.Alias != t.cfg.Alias {
		return nil, transport.Guardf("", "index %s cannot be a generation of alias %s: its name must begin with %[2]s-", g.Name, t.cfg.Alias)
	}
	if err := t.Permitted(ctx); err != nil {
		return nil, err
	}
	d, err := parseDefinition(g.Definition)
	if err != nil {
		return nil, err
	}
	templates, err := t.templates(ctx, g.Name)
	if err != nil {
		return nil, err
	}
	templates = templates.beside(d.settings)
	if err := templates.acceptable("an index template that matches "+g.Name+" is in the way: its", "narrow the template's index_patterns, so that they do not match "+t.cfg.Alias+"-*"); err != nil {
		return nil, err
	}
	if err := t.unmanaged(ctx, g.Name); err != nil {
		return nil, err
	}
	during, err := load(t.cfg.LoadNodes)
	if err != nil {
		return nil, err
	}
	body, err := d.body(g.Name, g.Meta, templates, during)
	if err != nil {
		return nil, err
	}
	if err := t.make(ctx, g, body); err != nil {
		return nil, err
	}
	return t.open(ctx, g.Name)
}

func (t *Target) make(ctx context.Context, g sinks.Generation, body []byte) error {
	var a struct {
		transport.Acknowledgement
		Shards bool `json:"shards_acknowledged"`
	}
	err := t.Call(ctx, transport.Request{Method: http.MethodPut, Path: "/" + url.PathEscape(g.Name), Body: body, RetryFor: transport.DefaultRetry}, &a)
	var no *transport.ResponseError
	switch {
	case errors.As(err, &no) && no.Type == "resource_already_exists_exception" && t.madeBefore(ctx, g):
		return nil // an earlier attempt of this call did it
	case errors.As(err, &no) && no.Type == "resource_already_exists_exception":
		return transport.Guardf("", "index %s exists already", g.Name)
	case err != nil:
		return t.Explain("create index "+g.Name, err)
	case !a.Acknowledged:
		return transport.Failedf("index %s was asked for, but the cluster did not confirm it in time; `humpty prune` drops it", g.Name)
	case !a.Shards:
		e := transport.Failedf("index %s was made, but no node takes its shards: %s; `humpty prune` drops it", g.Name, t.whyUnassigned(ctx, g.Name, 0))
		e.Remedy = "free disk space or add a node, or correct the allocation settings"
		return e
	}
	return nil
}

func (t *Target) madeBefore(ctx context.Context, g sinks.Generation) bool {
	all, err := t.look(ctx, url.PathEscape(g.Name))
	if err != nil {
		return false
	}
	m, ok := all[g.Name].ours(t.cfg.Alias)
	return ok && m.Run == g.Meta.Run && m.Epoch == g.Meta.Epoch && m.State == g.Meta.State
}

// missing tells whether an index is not there (any more).
func missing(err error) bool {
	var no *transport.ResponseError
	return errors.As(err, &no) && no.Type == transport.IndexNotFoundException
}
