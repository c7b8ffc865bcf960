package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// Search runs a query of the user's, with all hits counted, past the request cache.
func (x *index) Search(ctx context.Context, body json.RawMessage, ids []string) (sinks.Hits, error) {
	var query map[string]json.RawMessage
	if err := json.Unmarshal(body, &query); err != nil {
		return sinks.Hits{}, &Error{Kind: Definition, What: "the body of the query is no JSON object", Err: err}
	}
	query["track_total_hits"] = json.RawMessage("true")
	a, err := x.ask(ctx, query)
	if err != nil || len(ids) == 0 {
		return sinks.Hits{Total: a.Hits.Total.Value, Took: time.Duration(a.Took) * time.Millisecond}, err
	}
	hits := sinks.Hits{Total: a.Hits.Total.Value, Took: time.Duration(a.Took) * time.Millisecond}
	only, err := among(query, ids)
	if err != nil {
		return hits, err
	}
	if a, err = x.ask(ctx, only); err != nil {
		return hits, err
	}
	for _, h := range a.Hits.Hits {
		hits.Matched = append(hits.Matched, h.ID)
	}
	return hits, nil
}

// among narrows a query to the given documents, whatever their rank.
func among(query map[string]json.RawMessage, ids []string) (map[string]json.RawMessage, error) {
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

func (x *index) ask(ctx context.Context, query map[string]json.RawMessage) (a searchAnswer, err error) {
	body, err := json.Marshal(query)
	if err != nil {
		return a, fmt.Errorf("encode a query: %w", err)
	}
	err = x.Call(ctx, transport.Request{Method: http.MethodPost, Path: x.path + "/_search?request_cache=false", Body: body, RetryFor: transport.DefaultRetry}, &a)
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
