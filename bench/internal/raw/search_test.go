package raw

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"humpty/internal/testenv/devstack"
	"humpty/internal/testenv/shop"
)

func TestFirehoseAndScan(t *testing.T) {
	t.Parallel()
	for product, address := range map[string]func(testing.TB) string{
		"elasticsearch": devstack.Elasticsearch, "opensearch": devstack.OpenSearch,
	} {
		t.Run(product, func(t *testing.T) {
			t.Parallel()
			search := NewSearch(address(t))
			t.Cleanup(search.Close)
			index := emptyIndex(t, search)
			corpus := corpusOf(t, make([]int, 500)...)
			shots, err := Firehose(t.Context(), search, index, corpus.Batches(5000), 3)
			if err != nil {
				t.Fatal(err)
			}
			if want := len(corpus.Batches(5000)); len(shots.Latencies) != want || shots.Seconds < shots.Refresh || shots.Refresh <= 0 {
				t.Errorf("%d requests, want %d; %v s, %v s of them refresh", len(shots.Latencies), want, shots.Seconds, shots.Refresh)
			}
			for _, slices := range []int{1, 3} {
				s, err := Scan(t.Context(), search, index, product == "opensearch", slices, 90)
				if err != nil || s.Documents != 500 || s.Bytes < 500*50 {
					t.Errorf("scan with %d slices: %+v, %v", slices, s, err)
				}
			}
		})
	}
}

// emptyIndex makes an index of the test's own.
func emptyIndex(t *testing.T, search *Search) string {
	t.Helper()
	return indexAs(t, search, []byte(`{"settings":{"number_of_shards":2,"number_of_replicas":0}}`))
}

// indexAs makes one with the given definition.
func indexAs(t *testing.T, search *Search, definition []byte) string {
	t.Helper()
	index := devstack.Name(t)
	if _, err := search.Call(t.Context(), http.MethodPut, "/"+index, definition); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if _, err := search.Call(t.Context(), http.MethodDelete, "/"+index, nil); err != nil && t.Context().Err() == nil {
			t.Error(err)
		}
	})
	return index
}

func TestNaive(t *testing.T) {
	t.Parallel()
	dsn := devstack.Postgres(t)
	if _, err := shop.Seed(t.Context(), dsn, shop.Options{Orders: 200, Seed: 3}); err != nil {
		t.Fatal(err)
	}
	search := NewSearch(devstack.Elasticsearch(t))
	t.Cleanup(search.Close)
	definition := readModel(t)
	for _, bulk := range []int{1, 7} {
		index := indexAs(t, search, definition)
		n, err := Naive(t.Context(), dsn, search, index, 30, bulk)
		if err != nil {
			t.Fatal(err)
		}
		if err := search.Refresh(t.Context(), index); err != nil {
			t.Fatal(err)
		}
		found, err := search.Count(t.Context(), index)
		if err != nil || found != 30 || n.Documents != 30 || n.Bytes < 30*800 || n.Seconds <= 0 {
			t.Errorf("bulks of %d: %d documents in the index, %+v, %v", bulk, found, n, err)
		}
	}
	var hits struct {
		Hits struct {
			Hits []struct {
				Source struct {
					Date     string           `json:"o_orderdate"`
					Customer map[string]any   `json:"customer"`
					Lines    []map[string]any `json:"lines"`
				} `json:"_source"`
			} `json:"hits"`
		} `json:"hits"`
	}
	index := indexAs(t, search, definition)
	if _, err := Naive(t.Context(), dsn, search, index, 1, 1); err != nil {
		t.Fatal(err)
	}
	if err := search.Refresh(t.Context(), index); err != nil {
		t.Fatal(err)
	}
	if err := search.Get(t.Context(), "/"+index+"/_search", &hits); err != nil {
		t.Fatal(err)
	}
	if h := hits.Hits.Hits; len(h) != 1 || len(h[0].Source.Date) != len("2021-01-01") || len(h[0].Source.Customer) != 3 || len(h[0].Source.Lines) == 0 {
		t.Errorf("the document is not the read model's: %+v", h)
	}
}

// readModel is the shop's own definition, which is strict.
func readModel(t *testing.T) []byte {
	t.Helper()
	dir := t.TempDir()
	if _, err := shop.WriteConfig(dir, shop.Plain, shop.Place{}); err != nil {
		t.Fatal(err)
	}
	definition, err := os.ReadFile(filepath.Join(dir, "orders.index.json"))
	if err != nil {
		t.Fatal(err)
	}
	return definition
}

func TestFirehoseRefused(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		answer string
		want   string
	}{
		"an item":   {200, `{"took":1,"errors":true,"items":[]}`, "was not taken whole"},
		"throttled": {429, `{"error":"full"}`, "HTTP 429"},
		"not JSON":  {200, `<html>`, "was not taken whole"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				w.WriteHeader(c.status)
				fmt.Fprint(w, c.answer)
			}))
			defer server.Close()
			_, err := Firehose(t.Context(), NewSearch(server.URL), "x", corpusOf(t, 1, 1).Batches(10), 2)
			if err == nil || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "into x") {
				t.Errorf("%v, want %q", err, c.want)
			}
		})
	}
}

func TestScanWithoutSort(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, err := io.ReadAll(r.Body)
		switch {
		case err != nil:
			t.Error(err)
		case r.URL.Path == "/x/_pit":
			fmt.Fprint(w, `{"id":"p"}`)
		case strings.Contains(string(body), "search_after"):
			t.Error("went on from nowhere")
		default:
			fmt.Fprint(w, `{"hits":{"hits":[{"_index":"x"}]}}`)
		}
	}))
	defer server.Close()
	_, err := Scan(t.Context(), NewSearch(server.URL), "x", false, 1, 10)
	if err == nil || !strings.Contains(err.Error(), "has no sort values") {
		t.Errorf("a page that cannot be continued: %v", err)
	}
}
