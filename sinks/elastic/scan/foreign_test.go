package scan_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"humpty/sinks"
	"humpty/sinks/elastic/scan"
	"humpty/sinks/elastic/transport"
)

// hits is an answer with n documents, the last of them at a place.
func hits(n int, at string) string {
	all := make([]string, n)
	for i := range all {
		all[i] = fmt.Sprintf(`{"_id":"d%d","_version":1,"_source":{},"sort":[%s]}`, i, at)
	}
	return `{"timed_out":false,"_shards":{"failed":0},"hits":{"hits":[` + strings.Join(all, ",") + `]}}`
}

// TestForeignPages: a page with more than was asked for, and one that ends where the one before it
// did and would be read without end, are errors that name a document.
func TestForeignPages(t *testing.T) {
	t.Parallel()
	reading := func(t *testing.T, r *scan.Reader) error {
		return r.Scan(t.Context(), 0, 1, func([]sinks.Document) error { return nil })
	}
	sample := func(t *testing.T, r *scan.Reader) error {
		return r.Sample(t.Context(), 10, 1, func([]sinks.Document) error { return nil })
	}
	versions := func(t *testing.T, r *scan.Reader) error {
		return r.Versions(t.Context(), 10, func([]sinks.Document) error { return nil })
	}
	for name, c := range map[string]struct {
		read   func(*testing.T, *scan.Reader) error
		answer string
		want   string
	}{
		"a page of too many":      {reading, hits(101, "7"), `document "d100" is the first too many`},
		"a page that comes again": {reading, "", `document "d4999" ends where the one before it did`},
		"a sample of too many":    {sample, hits(11, "7"), `document "d10" is the first too many`},
		"too many versions":       {versions, hits(12, "7"), `document "d10" is the first too many`},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Type", "application/json")
				if strings.Contains(r.URL.Path, "_pit") {
					_, _ = io.WriteString(w, `{"id":"p"}`)
					return
				}
				answer := c.answer
				if answer == "" { // as many as were asked for, always the same
					var size int
					if _, err := fmt.Fscanf(r.Body, `{"size":%d,`, &size); err != nil {
						t.Error(err)
					}
					answer = hits(size, "7")
				}
				_, _ = io.WriteString(w, answer)
			}))
			t.Cleanup(server.Close)
			client, err := transport.New(transport.Config{Addresses: []string{server.URL}})
			if err != nil {
				t.Fatal(err)
			}
			client.Product = transport.Product{PITPath: "/_pit", PITField: "id", PITDelete: `{"id":%s}`, PITSort: `"_shard_doc"`}
			if err := c.read(t, scan.New(client, "orders-1", 1)); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}
