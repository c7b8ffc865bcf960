package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/answer"
	"humpty/sinks/elastic/jsonbytes"
	"humpty/sinks/elastic/scan"
	"humpty/sinks/elastic/transport"
)

// documents answers questions about single documents of the index.
type documents struct{ *indexRef }

// Count refreshes and counts what a search would find.
func (x documents) Count(ctx context.Context) (int64, error) {
	if err := x.onShards(ctx, http.MethodPost, "_refresh"); err != nil {
		return 0, err
	}
	return x.count(ctx, x.path)
}

// mgetDocument is one document of an _mget.
type mgetDocument struct {
	ID      string          `json:"_id"`
	Routing string          `json:"_routing"`
	Version int64           `json:"_version"`
	SeqNo   int64           `json:"_seq_no"`
	Term    int64           `json:"_primary_term"`
	Found   bool            `json:"found"`
	Source  json.RawMessage `json:"_source"`
	Error   json.RawMessage `json:"error"`
}

// Get reads documents by id, in real time.
func (x documents) Get(ctx context.Context, keys []sinks.Key, found []sinks.Found) error {
	if len(keys) == 0 {
		return nil
	}
	body := []byte(`{"docs":[`)
	for i, k := range keys {
		if i > 0 {
			body = append(body, ',')
		}
		body = append(body, `{"_id":"`...)
		body = jsonbytes.AppendEscaped(body, k.ID)
		if k.Routing != nil {
			body = append(body, `","routing":"`...)
			body = jsonbytes.AppendEscaped(body, k.Routing)
		}
		body = append(body, `"}`...)
	}
	body = append(body, "]}"...)
	var a struct {
		Docs []mgetDocument `json:"docs"`
	}
	path := x.path + "/_mget?realtime=true"
	if x.Product.Vectors != "" {
		path += "&_source_exclude_vectors=false"
	}
	err := x.Call(ctx, transport.Request{Method: http.MethodPost, Path: path, Body: body, RetryFor: transport.DefaultRetry, Most: answer.Documents}, &a)
	if err != nil {
		return x.Explain("read documents of index "+x.name, err)
	}
	if len(a.Docs) != len(keys) {
		return transport.Failedf("read documents of index %s, %q and others: %d were asked for, but the answer is about %d", x.name, keys[0].ID, len(keys), len(a.Docs))
	}
	for i, k := range keys {
		if found[i], err = a.Docs[i].toFound(k); err != nil {
			return fmt.Errorf("read document %q of index %s: %w", k.ID, x.name, err)
		}
	}
	return nil
}

// toFound is the document if it is the one that the key means: another routing can lead to
// the same shard.
func (g mgetDocument) toFound(k sinks.Key) (sinks.Found, error) {
	f := sinks.Found{Document: sinks.Document{ID: k.ID, Routing: k.Routing}}
	kind, reason := transport.Causes(g.Error)
	switch {
	case kind == "routing_missing_exception":
		return f, nil // all documents of this mapping have a routing: this one is none of them
	case len(g.Error) > 0:
		return f, &transport.ResponseError{Status: http.StatusOK, Type: kind, Reason: reason}
	case g.ID != string(k.ID):
		return f, fmt.Errorf("the answer is about document %q", g.ID)
	case !g.Found || effectiveRouting(g.ID, g.Routing) != effectiveRouting(g.ID, string(k.Routing)):
		return f, nil
	case g.Source == nil:
		return f, scan.CheckBodies([]sinks.Document{f.Document})
	}
	f.Version, f.Body, f.There = g.Version, g.Source, true
	f.SeqNo = strconv.FormatInt(g.SeqNo, 10) + "/" + strconv.FormatInt(g.Term, 10)
	return f, nil
}

// effectiveRouting is the routing unless it is the id, which is the default.
func effectiveRouting(id, routing string) string {
	if routing == id {
		return ""
	}
	return routing
}

// Search runs a query of the user's, with all hits counted, past the request cache.
func (x documents) Search(ctx context.Context, body json.RawMessage, ids []string) (sinks.Hits, error) {
	var query map[string]json.RawMessage
	if err := json.Unmarshal(body, &query); err != nil {
		return sinks.Hits{}, &Error{Kind: Definition, What: "the body of the query is no JSON object", Err: err}
	}
	query["track_total_hits"] = json.RawMessage("true")
	a, err := x.runQuery(ctx, query)
	if err != nil || len(ids) == 0 {
		return sinks.Hits{Total: a.Hits.Total.Value, Took: time.Duration(a.Took) * time.Millisecond}, err
	}
	hits := sinks.Hits{Total: a.Hits.Total.Value, Took: time.Duration(a.Took) * time.Millisecond}
	only, err := narrowTo(query, ids)
	if err != nil {
		return hits, err
	}
	if a, err = x.runQuery(ctx, only); err != nil {
		return hits, err
	}
	for _, h := range a.Hits.Hits {
		if !slices.Contains(ids, h.ID) {
			return hits, transport.Failedf("search index %s: the answer has document %q, which was not asked for", x.name, h.ID)
		}
		hits.Matched = append(hits.Matched, h.ID)
	}
	return hits, nil
}

// narrowTo narrows a query to the given documents, whatever their rank.
func narrowTo(query map[string]json.RawMessage, ids []string) (map[string]json.RawMessage, error) {
	filters := []any{map[string]any{"ids": map[string]any{"values": ids}}}
	if post, ok := query["post_filter"]; ok {
		filters = append(filters, post)
	}
	inner := any(map[string]any{"match_all": struct{}{}})
	if q, ok := query["query"]; ok {
		inner = q
	}
	narrowed, err := json.Marshal(map[string]any{"bool": map[string]any{"must": inner, "filter": filters}})
	if err != nil {
		return nil, fmt.Errorf("narrow a query to ids: %w", err)
	}
	only := map[string]json.RawMessage{"query": narrowed, "_source": json.RawMessage("false"), "size": json.RawMessage(fmt.Sprint(len(ids)))}
	for _, key := range []string{"runtime_mappings", "min_score"} {
		if v, ok := query[key]; ok {
			only[key] = v
		}
	}
	return only, nil
}

type searchAnswer struct {
	shardsAnswer
	Took     int64 `json:"took"`
	TimedOut bool  `json:"timed_out"`
	Hits     struct {
		Total struct {
			Value int64 `json:"value"`
		} `json:"total"`
		Hits []struct {
			ID string `json:"_id"`
		} `json:"hits"`
	} `json:"hits"`
}

func (x documents) runQuery(ctx context.Context, query map[string]json.RawMessage) (a searchAnswer, err error) {
	body, err := json.Marshal(query)
	if err != nil {
		return a, fmt.Errorf("encode a query: %w", err)
	}
	err = x.Call(ctx, transport.Request{Method: http.MethodPost, Path: x.path + "/_search?request_cache=false", Body: body, RetryFor: transport.DefaultRetry, Most: answer.Documents}, &a)
	if err == nil {
		err = a.err()
	}
	if err == nil && a.TimedOut {
		err = fmt.Errorf("the search timed out after %d ms", a.Took)
	}
	if err != nil {
		return a, x.Explain("search index "+x.name, err)
	}
	return a, nil
}
