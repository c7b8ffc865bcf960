package elastic_test

import (
	"context"
	"io"
	"log"
	"net/http"
	"strings"
	"testing"
	"time"

	"humpty/internal/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/sinktest"
)

func TestElasticsearch(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, under(devstack.Elasticsearch(t), nil))
}

// under is a target on a real server, whose answers may be spoiled on the way.
func under(url string, spoil func(http.RoundTripper) http.RoundTripper) sinktest.Under {
	dial := func(t *testing.T, alias string) sinks.Target {
		t.Helper()
		return target(t, elastic.Config{Addresses: []string{url}, Alias: alias, Wrap: spoil})
	}
	return sinktest.Under{
		Target: func(t *testing.T) (sinks.Target, string) {
			alias := alias(t, url)
			return dial(t, alias), alias
		},
		Again: dial,
		Trap: func(t *testing.T, alias string) {
			call(t, http.MethodPut, url+"/"+alias+"/_doc/1?refresh=true", `{"n":1}`)
		},
	}
}

func target(t *testing.T, cfg elastic.Config) *elastic.Target {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	target, err := elastic.Dial(ctx, cfg)
	if err != nil {
		t.Fatal(err)
	}
	return target
}

// alias is a new name, whose indices are deleted with the test.
func alias(t *testing.T, url string) string {
	t.Helper()
	name := devstack.Name(t)
	t.Cleanup(func() {
		for index := range strings.FieldsSeq(call(t, http.MethodGet, url+"/_cat/indices/"+name+"*?h=index&expand_wildcards=all", "")) {
			call(t, http.MethodDelete, url+"/"+index, "")
		}
		call(t, http.MethodDelete, url+"/humpty-leases/_doc/"+name+"?ignore_unavailable=true", "")
	})
	return name
}

// call speaks to the server past the code under test, and returns what it says.
func call(t *testing.T, method, url, body string) string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer)
}

func TestOpenSearch(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, under(devstack.OpenSearch(t), nil))
}

// TestFaults runs the suite while every third request or answer is spoiled.
func TestFaults(t *testing.T) {
	t.Parallel()
	sinktest.Run(t, under(devstack.Elasticsearch(t), func(next http.RoundTripper) http.RoundTripper {
		return &sinktest.Faults{Next: next}
	}))
}

// quiet drops what a test server would write to the terminal.
func quiet() *log.Logger { return log.New(io.Discard, "", 0) }
