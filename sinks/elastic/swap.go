package elastic

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"humpty/sinks"
)

// Swap applies the change in one call and re-reads the alias.
func (t *Target) Swap(ctx context.Context, change sinks.AliasChange) error {
	if err := t.pin(ctx); err != nil {
		return err
	}
	body, err := t.actions(change)
	if err != nil {
		return err
	}
	callErr := t.change(ctx, http.MethodPost, "/_aliases", body)
	serving, err := t.serving(ctx)
	if err != nil {
		return &Error{
			Kind: Failed, What: "the alias " + change.Alias + " may have been swapped to " + change.To + ", but could not be read again", Err: err,
			Remedy: "see what it serves: `humpty status`",
		}
	}
	if slices.Equal(serving, []string{change.To}) {
		return nil // also if the answer was lost, or said that an earlier attempt had done it
	}
	if callErr != nil {
		return t.explain("swap alias "+change.Alias, callErr)
	}
	return guard("look at `humpty status`, and swap again",
		"alias %s serves %s after the swap, not %s alone: somebody else changes it", change.Alias, named(serving), change.To)
}

func named(indices []string) string {
	if len(indices) == 0 {
		return "nothing"
	}
	return strings.Join(indices, ", ")
}

// actions makes the request, and refuses to delete anything but an index on the alias's
// own name.
func (t *Target) actions(change sinks.AliasChange) ([]byte, error) {
	if change.Alias != t.cfg.Alias {
		return nil, guard("", "the change is for alias %s, the target is for %s", change.Alias, t.cfg.Alias)
	}
	var list []map[string]any
	for _, a := range change.Actions {
		of := map[string]any{"index": a.Index}
		switch a.Verb {
		case "remove_index":
			if a.Index != change.Alias {
				return nil, guard("use `humpty prune` to drop generations", "a swap must not delete index %s", a.Index)
			}
		case "remove":
			of["alias"], of["must_exist"] = a.Alias, true
		case "add":
			of["alias"] = a.Alias
			if a.WriteIndex != nil {
				of["is_write_index"] = *a.WriteIndex
			}
			if len(a.Filter) > 0 {
				of["filter"] = a.Filter
			}
			if a.Routing != "" || a.Searched != "" {
				of["index_routing"], of["search_routing"] = optional(a.Routing), optional(cmp.Or(a.Searched, a.Routing))
			}
			if a.Hidden != nil {
				of["is_hidden"] = *a.Hidden
			}
		default:
			return nil, fmt.Errorf("unknown alias action %q", a.Verb)
		}
		list = append(list, map[string]any{a.Verb: of})
	}
	return json.Marshal(map[string]any{"actions": list})
}

// optional is null for nothing.
func optional(text string) any {
	if text == "" {
		return nil
	}
	return text
}

// serving reads what the alias points to now.
func (t *Target) serving(ctx context.Context) ([]string, error) {
	var all map[string]struct {
		Aliases map[string]json.RawMessage `json:"aliases"`
	}
	_, err := t.get(ctx, "/_alias/"+url.PathEscape(t.cfg.Alias), &all)
	if err != nil {
		return nil, t.explain("read alias "+t.cfg.Alias, err)
	}
	return slices.Sorted(maps.Keys(all)), nil
}
