package elastic_test

import (
	"io"
	"log"
	"net/http"
	"testing"

	"humpty/internal/testenv/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
	"humpty/sinks/sinktest"
)

func TestElasticsearch(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, newHarness(devstack.Elasticsearch(t), nil))
}

// newHarness is a target on a real server, whose answers may be spoiled on the way.
func newHarness(url string, spoil func(http.RoundTripper) http.RoundTripper) sinktest.Harness {
	dial := func(t *testing.T, alias string) sinks.Target {
		t.Helper()
		return elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias, Wrap: spoil})
	}
	return sinktest.Harness{
		Target: func(t *testing.T) (sinks.Target, string) {
			alias := elastictest.Alias(t, url)
			return dial(t, alias), alias
		},
		Another: dial,
		OccupyName: func(t *testing.T, alias string) {
			elastictest.Call(t, http.MethodPut, url+"/"+alias+"/_doc/1?refresh=true", `{"n":1}`)
		},
	}
}

func TestOpenSearch(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, newHarness(devstack.OpenSearch(t), nil))
}

// TestFaults runs the suite while every third request or answer is spoiled.
func TestFaults(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, newHarness(devstack.Elasticsearch(t), func(next http.RoundTripper) http.RoundTripper {
		return &sinktest.Faults{Next: next}
	}))
}

// discardLog drops what a test server would write to the terminal.
func discardLog() *log.Logger { return log.New(io.Discard, "", 0) }
