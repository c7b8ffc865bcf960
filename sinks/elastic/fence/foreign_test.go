package fence

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"testing"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// TestAnswersThatSayNothing: an answer that lacks what was asked for, as a proxy may give one, is
// no proof that nothing is under way, that there are no other writers, or that no primary moved.
func TestAnswersThatSayNothing(t *testing.T) {
	t.Parallel()
	listing := func(ctx context.Context, f *Fence) error { _, err := tasks(ctx, f.client); return err }
	others := func(ctx context.Context, f *Fence) error { _, err := f.others(ctx, sinks.LeaseWriter); return err }
	primaries := func(ctx context.Context, f *Fence) error { _, err := f.Primaries(ctx); return err }
	for name, c := range map[string]struct {
		ask    func(context.Context, *Fence) error
		answer string
	}{
		"tasks, empty":                  {listing, `{}`},
		"tasks, null":                   {listing, `{"nodes":null}`},
		"tasks, a node is silent":       {listing, `{"nodes":{},"node_failures":[{"type":"failed_node_exception"}]}`},
		"tasks, a task is not told":     {listing, `{"nodes":{},"task_failures":[{"task_id":1}]}`},
		"aliases, empty":                {others, `{}`},
		"aliases of another index":      {others, `{"orders-2":{"aliases":{}}}`},
		"primaries, empty":              {primaries, `{}`},
		"primaries of another index":    {primaries, `{"routing_table":{"indices":{"orders-2":{"shards":{"0":[{"primary":true}]}}}}}`},
		"primaries, none is at its job": {primaries, `{"routing_table":{"indices":{"orders-1":{"shards":{"0":[{"primary":false}]}}}}}`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("X-Elastic-Product", "Elasticsearch")
				w.Header().Set("Content-Type", "application/json")
				_, _ = io.WriteString(w, c.answer)
			}))
			t.Cleanup(server.Close)
			client, err := transport.New(transport.Config{Addresses: []string{server.URL}})
			if err != nil {
				t.Fatal(err)
			}
			f := New(client, NewNumbers(client, "humpty-leases", "orders", func(context.Context) error { return nil }), "orders-1")
			if err := c.ask(t.Context(), f); err == nil {
				t.Error("it was taken for nothing to do")
			}
		})
	}
}
