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

	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/sinks"
	"humpty/sinks/elastic/fence"
	"humpty/sinks/elastic/transport"
)

// aliasSwitch changes what the alias serves.
type aliasSwitch struct {
	*cluster
	catalog *catalog
}

// Swap applies the change in one call and re-reads the alias.
func (s aliasSwitch) Swap(ctx context.Context, change sinks.AliasChange) error {
	if err := s.CheckIdentity(ctx); err != nil {
		return err
	}
	body, err := s.actions(change)
	if err != nil {
		return err
	}
	callErr := s.Change(ctx, http.MethodPost, "/_aliases", body)
	crashpoint.At("alias changed")
	serving, writable, err := s.serving(ctx)
	if err != nil {
		return &Error{
			Kind: Failed, What: "the alias " + change.Alias + " may have been swapped to " + change.To + ", but could not be read again", Err: err,
			Remedy: "see what it serves: `humpty status`",
		}
	}
	if slices.Equal(serving, []string{change.To}) && writable == change.Writable() {
		return nil // also if the answer was lost, or said that an earlier attempt had done it
	}
	if callErr != nil {
		return s.Explain("swap alias "+change.Alias, callErr)
	}
	return transport.Guardf("look at `humpty status`, and swap again",
		"alias %s serves %s after the swap, not %s alone: somebody else changes it", change.Alias, listNames(serving), change.To)
}

func listNames(indices []string) string {
	if len(indices) == 0 {
		return "nothing"
	}
	return strings.Join(indices, ", ")
}

// actions makes the request, and refuses to delete anything but an index on the alias's
// own name.
func (s aliasSwitch) actions(change sinks.AliasChange) ([]byte, error) {
	if change.Alias != s.cfg.Alias {
		return nil, transport.Guardf("", "the change is for alias %s, the target is for %s", change.Alias, s.cfg.Alias)
	}
	var list []map[string]any
	for _, a := range change.Actions {
		of := map[string]any{"index": a.Index}
		switch a.Verb {
		case "remove_index":
			if a.Index != change.Alias {
				return nil, transport.Guardf("use `humpty prune` to drop generations", "a swap must not delete index %s", a.Index)
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
			if a.Routing != "" {
				of["index_routing"] = a.Routing
			}
			if a.SearchRouting != "" {
				of["search_routing"] = a.SearchRouting
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

// serving reads what the alias points to now, and whether it can be written through if it
// is one index.
func (s aliasSwitch) serving(ctx context.Context) (all []string, writable bool, err error) {
	var found map[string]struct {
		Aliases map[string]struct {
			WriteIndex *bool `json:"is_write_index"`
		} `json:"aliases"`
	}
	if _, err := s.Get(ctx, "/_alias/"+url.PathEscape(s.cfg.Alias), &found); err != nil {
		return nil, false, s.Explain("read alias "+s.cfg.Alias, err)
	}
	for _, of := range found {
		flag := of.Aliases[s.cfg.Alias].WriteIndex
		writable = flag == nil || *flag
	}
	return slices.Sorted(maps.Keys(found)), writable, nil
}

// earlyServingSettings is how soon searches see what is written to an exposed generation. Refreshing more
// often makes a load slower.
const earlyServingSettings = `{"index.refresh_interval":"5s"}`

// ServeEarly lets searches see a generation that is loading: an alias to one index that is not its write index answers
// searches, and refuses every write, deletions included.
func (s aliasSwitch) ServeEarly(ctx context.Context, name string) error {
	if err := s.CheckIdentity(ctx); err != nil {
		return err
	}
	if err := s.Change(ctx, http.MethodPut, "/"+url.PathEscape(name)+"/_settings", []byte(earlyServingSettings)); err != nil {
		return s.Explain("let searches see "+name, err)
	}
	serving, _, err := s.serving(ctx)
	if err != nil {
		return err
	}
	if len(serving) > 0 && !slices.Equal(serving, []string{name}) {
		return transport.Guardf("look at `humpty status`", "alias %s serves %s meanwhile: somebody else set it", s.cfg.Alias, listNames(serving))
	}
	closed := false
	return s.Swap(ctx, sinks.AliasChange{Alias: s.cfg.Alias, To: name, Actions: []sinks.AliasAction{
		{Verb: "add", Index: name, Alias: s.cfg.Alias, WriteIndex: &closed},
	}})
}

// sampledByID is how many documents are read by id as an alias would.
const sampledByID = 20

// ViewThrough counts as searches through the alias would, and reads a few documents by id as
// who goes through it would.
func (s aliasSwitch) ViewThrough(ctx context.Context, add sinks.AliasAction) (sinks.AliasView, error) {
	all, err := s.countThrough(ctx, add.Index, "", nil)
	v := sinks.AliasView{Documents: all, Matching: all, Searched: all, Addressed: all}
	if err == nil && len(add.Filter) > 0 {
		v.Matching, err = s.countThrough(ctx, add.Index, "", add.Filter)
		v.Searched = v.Matching
	}
	if err == nil && add.SearchRouting != "" {
		v.Searched, err = s.countThrough(ctx, add.Index, add.SearchRouting, add.Filter)
	}
	if err == nil && add.Routing != "" {
		v.Addressed, err = s.countThrough(ctx, add.Index, add.Routing, nil)
	}
	if err != nil || add.Routing == "" || v.Addressed < v.Documents {
		return v, err
	}
	return v, s.readThrough(ctx, add, &v)
}

func (s aliasSwitch) countThrough(ctx context.Context, index, routing string, filter json.RawMessage) (int64, error) {
	query := url.Values{}
	if routing != "" {
		query.Set("routing", routing)
	}
	body := []byte(`{}`)
	if len(filter) > 0 {
		body = append(append([]byte(`{"query":`), filter...), '}')
	}
	var a struct {
		Count int64 `json:"count"`
		shardsAnswer
	}
	path := "/" + url.PathEscape(index) + "/_count?" + query.Encode()
	err := s.Call(ctx, transport.Request{Method: http.MethodPost, Path: path, Body: body, RetryFor: transport.DefaultRetry}, &a)
	if err == nil {
		err = a.err()
	}
	if err != nil {
		return 0, s.Explain("count the documents of "+index+" as alias "+s.cfg.Alias+" would find them", err)
	}
	return a.Count, nil
}

// readThrough reads a sample by id. A document's own routing does not count: the alias gives its.
func (s aliasSwitch) readThrough(ctx context.Context, add sinks.AliasAction, v *sinks.AliasView) error {
	index, err := s.catalog.open(ctx, add.Index)
	if err != nil { // it is not ours: the counts must do
		return nil //nolint:nilerr // what serves may be an index of others
	}
	body := map[string][]map[string]string{"docs": {}}
	err = index.Sample(ctx, sampledByID, 1, func(docs []sinks.Document) error {
		for _, d := range docs {
			body["docs"] = append(body["docs"], map[string]string{"_id": string(d.ID), "routing": add.Routing})
		}
		return nil
	})
	if err != nil || len(body["docs"]) == 0 {
		return err
	}
	raw, err := json.Marshal(body)
	if err != nil {
		return fmt.Errorf("encode the ids of a sample: %w", err)
	}
	var a struct {
		Docs []mgetDocument `json:"docs"`
	}
	path := "/" + url.PathEscape(add.Index) + "/_mget?_source=false"
	if err := s.Call(ctx, transport.Request{Method: http.MethodPost, Path: path, Body: raw, RetryFor: transport.DefaultRetry}, &a); err != nil {
		return s.Explain("read documents of "+add.Index+" as alias "+s.cfg.Alias+" would", err)
	}
	v.Sampled = int64(len(a.Docs))
	for _, d := range a.Docs {
		if d.Found {
			v.Got++
		}
	}
	return nil
}

// FenceWriters shuts out the writers of a role in every generation.
func (s aliasSwitch) FenceWriters(ctx context.Context, role sinks.WriterRole) error {
	all, err := s.readIndices(ctx, url.PathEscape(s.cfg.Alias)+"-*")
	if err != nil {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(all)) {
		if _, foreign, claims := all[name].claim(s.cfg.Alias, name); !claims || foreign.Why != "" && !foreign.Unfinished {
			continue
		}
		if err := fence.New(s.Client, s.numbers, name).ShutOut(ctx, role); err != nil {
			return fmt.Errorf("shut out the writers of index %s: %w", name, err)
		}
	}
	return nil
}

// misplaced refuses routing of the alias that cannot lead to documents which are placed by their
// ids: each routing leads to one of several shards.
func misplaced(draft sinks.Draft, all settings) problem.List {
	var found problem.List
	shards := all.number("index.number_of_shards", 1)
	if draft.Fields == nil || draft.Routed || shards < 2 || draft.Alias.Routing == "" && draft.Alias.SearchRouting == "" {
		return nil
	}
	found.Add("", "take the routing off the alias (POST /_aliases), place the documents by it (routing: of the projection's document), or ask for one shard",
		"alias %s has routing (of searches %q, of reads and writes %q), but the documents are placed by their ids over %d shards: most of them would not be found",
		draft.Alias.Alias, draft.Alias.SearchRouting, draft.Alias.Routing, shards)
	return found
}
