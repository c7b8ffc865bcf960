package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"

	"humpty/sinks"
	"humpty/sinks/elastic/jsonbytes"
	"humpty/sinks/elastic/scan"
	"humpty/sinks/elastic/transport"
)

// gotDocument is one document of an _mget.
type gotDocument struct {
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
func (x *index) Get(ctx context.Context, keys []sinks.Key, found []sinks.Found) error {
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
		Docs []gotDocument `json:"docs"`
	}
	path := x.path + "/_mget?realtime=true"
	if x.Product.Vectors != "" {
		path += "&_source_exclude_vectors=false"
	}
	err := x.Call(ctx, transport.Request{Method: http.MethodPost, Path: path, Body: body, RetryFor: transport.DefaultRetry}, &a)
	if err != nil {
		return x.Explain("read documents of index "+x.name, err)
	}
	if len(a.Docs) != len(keys) {
		return transport.Failedf("read documents of index %s: %d were asked for, but the answer is about %d", x.name, len(keys), len(a.Docs))
	}
	for i, k := range keys {
		if found[i], err = a.Docs[i].found(k); err != nil {
			return fmt.Errorf("read document %q of index %s: %w", k.ID, x.name, err)
		}
	}
	return nil
}

// found is the document if it is the one that the key means: another routing can lead to
// the same shard.
func (g gotDocument) found(k sinks.Key) (sinks.Found, error) {
	f := sinks.Found{Document: sinks.Document{ID: k.ID, Routing: k.Routing}}
	kind, reason := transport.Causes(g.Error)
	switch {
	case kind == "routing_missing_exception":
		return f, nil // all documents of this mapping have a routing: this one is none of them
	case len(g.Error) > 0:
		return f, &transport.ResponseError{Status: http.StatusOK, Type: kind, Reason: reason}
	case g.ID != string(k.ID):
		return f, fmt.Errorf("the answer is about document %q", g.ID)
	case !g.Found || telling(g.ID, g.Routing) != telling(g.ID, string(k.Routing)):
		return f, nil
	case g.Source == nil:
		return f, scan.CheckBodies([]sinks.Document{f.Document})
	}
	f.Version, f.Body, f.There = g.Version, g.Source, true
	f.SeqNo = strconv.FormatInt(g.SeqNo, 10) + "/" + strconv.FormatInt(g.Term, 10)
	return f, nil
}

// telling is the routing unless it says nothing.
func telling(id, routing string) string {
	if routing == id {
		return ""
	}
	return routing
}
