package elastic_test

import (
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

// TestLoadProbe asks real servers how they bear the load.
func TestLoadProbe(t *testing.T) {
	onBothProducts(t, func(t *testing.T, url string) {
		alias := elastictest.Alias(t, url)
		target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias})
		if took, err := target.SearchLatency(t.Context()); took != 0 || err != nil {
			t.Errorf("nothing serves: %v, %v", took, err)
		}
		index, generation := elastictest.Generation(t, target, alias, "")
		if _, err := index.Write(t.Context(), elastictest.Batch(50, 1), make([]sinks.Verdict, 50)); err != nil {
			t.Fatal(err)
		}
		if err := index.Seal(t.Context(), nil); err != nil {
			t.Fatal(err)
		}
		elastictest.Call(t, http.MethodPost, url+"/_aliases", `{"actions":[{"add":{"index":"`+generation+`","alias":"`+alias+`"}}]}`)
		if took, err := target.SearchLatency(t.Context()); took <= 0 || took > 10*time.Second || err != nil {
			t.Errorf("a search takes %v, %v", took, err)
		}
		if share, err := target.IndexingPressure(t.Context()); share < 0 || share > 1 || err != nil {
			t.Errorf("pressure %v, %v", share, err)
		}
		stats := elastictest.Call(t, http.MethodGet, url+"/_nodes/stats/indexing_pressure", "")
		for _, field := range []string{`"limit_in_bytes":`, `"combined_coordinating_and_primary_in_bytes":`} {
			if !strings.Contains(stats, field) {
				t.Errorf("the server does not say %s: %.500s", field, stats)
			}
		}
	})
}

// TestLoadProbeUnderStress: a search that is refused counts as the longest, and the fullest
// node counts.
func TestLoadProbeUnderStress(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Elastic-Product", "Elasticsearch")
		switch {
		case strings.HasSuffix(r.URL.Path, "/_search"):
			w.WriteHeader(http.StatusTooManyRequests)
		case strings.Contains(r.URL.Path, "indexing_pressure"):
			_, _ = w.Write([]byte(`{"nodes":{"a":{"indexing_pressure":{"memory":{"current":{"combined_coordinating_and_primary_in_bytes":10},"limit_in_bytes":100}}},
				"b":{"indexing_pressure":{"memory":{"current":{"combined_coordinating_and_primary_in_bytes":80},"limit_in_bytes":100}}}}}`))
		case strings.HasPrefix(r.URL.Path, "/_nodes"):
			_, _ = w.Write([]byte(`{"nodes":{"a":{"version":"8.19.0"}}}`))
		default:
			_, _ = w.Write([]byte(`{"cluster_uuid":"u"}`))
		}
	}))
	defer server.Close()
	target := elastictest.Target(t, elastic.Config{Addresses: []string{server.URL}, Alias: "a"})
	if took, err := target.SearchLatency(t.Context()); took != 10*time.Second || err != nil {
		t.Errorf("%v, %v", took, err)
	}
	if share, err := target.IndexingPressure(t.Context()); share != 0.8 || err != nil {
		t.Errorf("%v, %v", share, err)
	}
}
