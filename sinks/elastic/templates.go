package elastic

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math"
	"net/http"
	"net/url"
	"path"
	"regexp"
	"slices"
	"strings"

	"humpty/internal/problem"
	"humpty/sinks/elastic/transport"
)

// templates reads what index templates would give the index, where the account
// may ask; the user's definition is stronger. An alias from a template is refused: it
// would serve an empty index.
func (p *preflight) templates(ctx context.Context, name string) (templateSum, error) {
	composed, err := p.composableTemplate(ctx, name)
	if err != nil {
		return templateSum{}, err
	}
	old, err := p.legacyTemplates(ctx, name)
	if err != nil {
		return templateSum{}, err
	}
	maps.Copy(old.aliases, composed.Aliases)
	for alias := range old.aliases {
		return templateSum{}, &Error{
			Kind:   Definition,
			What:   "an index template that matches " + name + " would put it behind alias " + alias + " while it is empty",
			Remedy: "narrow the template's index_patterns (see GET _index_template and GET _template), so that they do not match " + p.cfg.Alias + "-*",
		}
	}
	flat, err := flatten(composed.Settings)
	if err != nil {
		return templateSum{}, &Error{Kind: Failed, What: "read the templates that match " + name, Err: err}
	}
	maps.Copy(old.settings, flat)
	if len(composed.Mappings) > 0 {
		old.mappings = append(old.mappings, composed.Mappings)
	}
	return old, nil
}

// template is what templates say of an index.
type template struct {
	Order    int                        `json:"order"`
	Patterns []string                   `json:"index_patterns"`
	Settings json.RawMessage            `json:"settings"`
	Mappings map[string]json.RawMessage `json:"mappings"`
	Aliases  map[string]json.RawMessage `json:"aliases"`
}

func (p *preflight) composableTemplate(ctx context.Context, name string) (template, error) {
	var a struct {
		Template template `json:"template"`
	}
	return a.Template, p.readTemplates(ctx, http.MethodPost, "/_index_template/_simulate_index/"+url.PathEscape(name), &a)
}

// readTemplates reads something about templates; nothing if the account may not ask: then
// the server's defaults are restored.
func (p *preflight) readTemplates(ctx context.Context, method, path string, out any) error {
	err := p.Call(ctx, transport.Request{Method: method, Path: path, RetryFor: transport.DefaultRetry}, out)
	var no *transport.ResponseError
	if errors.As(err, &no) {
		return nil
	}
	return err
}

// templateSum is what several templates say together.
type templateSum struct {
	settings settings
	mappings []map[string]json.RawMessage
	aliases  map[string]json.RawMessage
}

// legacyTemplates puts the templates of the old kind together as the server does: all that match,
// those of higher order over the others, and none if one of the new kind matches.
func (p *preflight) legacyTemplates(ctx context.Context, name string) (templateSum, error) {
	sum := templateSum{settings: settings{}, aliases: map[string]json.RawMessage{}}
	var newer struct {
		Templates []struct {
			Template template `json:"index_template"`
		} `json:"index_templates"`
	}
	var all map[string]template
	if err := p.readTemplates(ctx, http.MethodGet, "/_index_template", &newer); err != nil {
		return sum, err
	}
	for _, n := range newer.Templates {
		if n.Template.applies(name) {
			return sum, nil
		}
	}
	if err := p.readTemplates(ctx, http.MethodGet, "/_template", &all); err != nil {
		return sum, err
	}
	for _, one := range slices.SortedFunc(maps.Values(all), func(a, b template) int { return cmp.Compare(a.Order, b.Order) }) {
		if !one.applies(name) {
			continue
		}
		maps.Copy(sum.aliases, one.Aliases)
		if len(one.Mappings) > 0 {
			sum.mappings = append(sum.mappings, one.Mappings)
		}
		over, err := flatten(one.Settings)
		if err != nil {
			return sum, &Error{Kind: Failed, What: "read the templates that match " + name, Err: err}
		}
		maps.Copy(sum.settings, over)
	}
	return sum, nil
}

func (t template) applies(name string) bool {
	return slices.ContainsFunc(t.Patterns, func(pattern string) bool { return matches(pattern, name) })
}

// matches tells whether a pattern with stars stands for the name.
func matches(pattern, name string) bool {
	ok, err := path.Match(strings.NewReplacer(`[`, `\[`, `?`, `\?`).Replace(pattern), name)
	return err == nil && ok
}

// checkPolicies refuses a name that a policy of OpenSearch's index state management takes by
// itself: its settings do not show that. Where the plugin is not, or the account may not
// ask, there is nothing to be seen.
func (p *preflight) checkPolicies(ctx context.Context, name string) error {
	if p.Product.Name != "opensearch" {
		return nil
	}
	var a struct {
		Policies []struct {
			ID     string `json:"_id"`
			Policy struct {
				Templates []struct {
					Patterns []string `json:"index_patterns"`
				} `json:"ism_template"`
			} `json:"policy"`
		} `json:"policies"`
	}
	err := p.Call(ctx, transport.Request{Method: http.MethodGet, Path: "/_plugins/_ism/policies?size=1000", RetryFor: transport.DefaultRetry}, &a)
	var no *transport.ResponseError
	switch {
	case errors.As(err, &no):
		return nil
	case err != nil:
		return err
	}
	for _, one := range a.Policies {
		for _, of := range one.Policy.Templates {
			if slices.ContainsFunc(of.Patterns, func(pattern string) bool { return matches(pattern, name) }) {
				return &Error{
					Kind:   Definition,
					What:   fmt.Sprintf("the policy %s of index state management takes every index like %s: it may roll over, shrink or delete a generation that humpty manages", one.ID, name),
					Remedy: "narrow the ism_template of the policy, so that it does not match " + p.cfg.Alias + "-*",
				}
			}
		}
	}
	return nil
}

// simulate has the target try the definition, without making anything: as a template that would
// apply to the name, which the target checks as it does an index.
func (p *preflight) simulate(ctx context.Context, name string, all settings, d definition) (problem.List, error) {
	mappings := maps.Clone(d.mappings)
	delete(mappings, "_meta")
	own := maps.Clone(all)
	maps.DeleteFunc(own, func(_ string, value json.RawMessage) bool { return string(value) == "null" })
	body, err := json.Marshal(map[string]any{
		"index_patterns": []string{name}, "priority": math.MaxInt32,
		"template": map[string]any{"settings": own, "mappings": mappings},
	})
	if err != nil {
		return nil, fmt.Errorf("encode the definition of %s: %w", name, err)
	}
	var found problem.List
	path := "/_index_template/_simulate_index/" + url.PathEscape(name)
	err = p.Call(ctx, transport.Request{Method: http.MethodPost, Path: path, Body: body, RetryFor: transport.DefaultRetry}, &struct{}{})
	var no *transport.ResponseError
	switch {
	case errors.As(err, &no) && no.Status == http.StatusBadRequest:
		found.Add("", "correct it; the target says the same when the index is to be made", "the definition of the index is wrong: the target refuses it: %s", withoutTemplate(no.Reason))
	case errors.As(err, &no):
		found.Warn("", "grant the cluster privilege manage_index_templates, or look whether humpty rebuild makes the index", "the definition of the index could not be tried on the target: %s", no)
	case err != nil:
		return nil, err
	}
	return found, nil
}

// madeUp is the name of the template that a definition is tried as.
var madeUp = regexp.MustCompile(` ?\[simulate_index_template_[^\]]*\]`)

// withoutTemplate leaves out what an error says of that template.
func withoutTemplate(reason string) string {
	for _, before := range []string{"after composition is invalid: ", "Validation Failed: 1: "} {
		if _, rest, ok := strings.Cut(reason, before); ok {
			reason = rest
		}
	}
	return strings.TrimSuffix(madeUp.ReplaceAllString(reason, ""), ";]")
}
