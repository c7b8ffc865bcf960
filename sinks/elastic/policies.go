package elastic

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"slices"

	"humpty/sinks/elastic/transport"
)

// unmanaged refuses a name that a policy of OpenSearch's index state management takes by
// itself: its settings do not show that. Where the plugin is not, or the account may not
// ask, there is nothing to be seen.
func (t *Target) unmanaged(ctx context.Context, name string) error {
	if t.Product.Name != "opensearch" {
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
	err := t.Call(ctx, transport.Request{Method: http.MethodGet, Path: "/_plugins/_ism/policies?size=1000", RetryFor: transport.DefaultRetry}, &a)
	var no *transport.ResponseError
	switch {
	case errors.As(err, &no):
		return nil
	case err != nil:
		return err
	}
	for _, p := range a.Policies {
		for _, of := range p.Policy.Templates {
			if slices.ContainsFunc(of.Patterns, func(pattern string) bool { return matches(pattern, name) }) {
				return &Error{
					Kind:   Definition,
					What:   fmt.Sprintf("the policy %s of index state management takes every index like %s: it may roll over, shrink or delete a generation that humpty manages", p.ID, name),
					Remedy: "narrow the ism_template of the policy, so that it does not match " + t.cfg.Alias + "-*",
				}
			}
		}
	}
	return nil
}
