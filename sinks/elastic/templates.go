package elastic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"maps"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"humpty/sinks/elastic/transport"
)

// templates reads which settings index templates would give the index, where the account
// may ask; the user's definition is stronger. An alias from a template is refused: it
// would serve an empty index.
func (t *Target) templates(ctx context.Context, name string) (settings, error) {
	composed, err := t.composed(ctx, name)
	if err != nil {
		return nil, err
	}
	old, err := t.legacy(ctx, name)
	if err != nil {
		return nil, err
	}
	maps.Copy(old.aliases, composed.Aliases)
	for alias := range old.aliases {
		return nil, &Error{
			Kind:   Definition,
			What:   "an index template that matches " + name + " would put it behind alias " + alias + " while it is empty",
			Remedy: "narrow the template's index_patterns (see GET _index_template and GET _template), so that they do not match " + t.cfg.Alias + "-*",
		}
	}
	flat, err := flatten(composed.Settings)
	if err != nil {
		return nil, &Error{Kind: Failed, What: "read the templates that match " + name, Err: err}
	}
	maps.Copy(old.settings, flat)
	return old.settings, nil
}

// template is what templates say of an index.
type template struct {
	Order    int                        `json:"order"`
	Patterns []string                   `json:"index_patterns"`
	Settings json.RawMessage            `json:"settings"`
	Aliases  map[string]json.RawMessage `json:"aliases"`
}

func (t *Target) composed(ctx context.Context, name string) (template, error) {
	var a struct {
		Template template `json:"template"`
	}
	return a.Template, t.askTemplates(ctx, http.MethodPost, "/_index_template/_simulate_index/"+url.PathEscape(name), &a)
}

// askTemplates reads something about templates; nothing if the account may not ask: then
// the server's defaults are restored.
func (t *Target) askTemplates(ctx context.Context, method, path string, out any) error {
	err := t.Call(ctx, transport.Request{Method: method, Path: path, RetryFor: transport.DefaultRetry}, out)
	var no *transport.ResponseError
	if errors.As(err, &no) {
		return nil
	}
	return err
}

// merged is what several templates say together.
type merged struct {
	settings settings
	aliases  map[string]json.RawMessage
}

// legacy puts the templates of the old kind together as the server does: all that match,
// those of higher order over the others, and none if one of the new kind matches.
func (t *Target) legacy(ctx context.Context, name string) (merged, error) {
	sum := merged{settings: settings{}, aliases: map[string]json.RawMessage{}}
	var newer struct {
		Templates []struct {
			Template template `json:"index_template"`
		} `json:"index_templates"`
	}
	var all map[string]template
	if err := t.askTemplates(ctx, http.MethodGet, "/_index_template", &newer); err != nil {
		return sum, err
	}
	for _, n := range newer.Templates {
		if n.Template.applies(name) {
			return sum, nil
		}
	}
	if err := t.askTemplates(ctx, http.MethodGet, "/_template", &all); err != nil {
		return sum, err
	}
	for _, one := range slices.SortedFunc(maps.Values(all), func(a, b template) int { return cmp.Compare(a.Order, b.Order) }) {
		if !one.applies(name) {
			continue
		}
		maps.Copy(sum.aliases, one.Aliases)
		over, err := flatten(one.Settings)
		if err != nil {
			return sum, &Error{Kind: Failed, What: "read the templates that match " + name, Err: err}
		}
		maps.Copy(sum.settings, over)
	}
	return sum, nil
}

func (t template) applies(name string) bool {
	return slices.ContainsFunc(t.Patterns, func(p string) bool { return matches(p, name) })
}

// matches tells whether a pattern with stars stands for the name.
func matches(pattern, name string) bool {
	ok, err := path.Match(strings.NewReplacer(`[`, `\[`, `?`, `\?`).Replace(pattern), name)
	return err == nil && ok
}
