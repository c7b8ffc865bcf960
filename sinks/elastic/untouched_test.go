package elastic_test

import (
	"errors"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
	"humpty/sources"            //nolint:depguard // of the test: a rebuild has a source
	"humpty/sources/sourcetest" //nolint:depguard // of the test: a rebuild has a source
)

// rebuildThrough is a rebuild of twenty documents in small batches through a target whose requests
// the test sees.
func rebuildThrough(t *testing.T, url, alias, run, definition string, seen func(next http.RoundTripper, req *http.Request) (*http.Response, error)) (projector.Record, error) {
	t.Helper()
	target := elastictest.Target(t, elastic.Config{
		Addresses: []string{url}, Alias: alias, RetryBound: 100 * time.Millisecond,
		Wrap: func(next http.RoundTripper) http.RoundTripper {
			return roundTrip(func(req *http.Request) (*http.Response, error) { return seen(next, req) })
		},
	})
	source := &sourcetest.MemorySource{Page: 2, Partitions: 1, Readers: 1}
	for i := range 20 {
		source.Records = append(source.Records, sources.Record{Key: fmt.Append(nil, i), Value: fmt.Appendf(nil, `{"n":%d}`, i)})
	}
	r := projector.Rebuild{
		Projection: projector.Projection{Name: run, Alias: alias, Versions: "class", Index: []byte(definition), Limits: projector.Limits{Writers: 1}},
		Source:     source, Target: target, Owner: sinks.Owner{Run: run}, MaxOutage: -1,
	}
	return r.Run(t.Context())
}

// TestOldIndexIsUntouched: whatever befalls the new index in the middle of its load, the run
// fails with the reason, and what the alias serves is as it was, to the letter.
func TestOldIndexIsUntouched(t *testing.T) {
	t.Parallel()
	url := devstack.Elasticsearch(t)
	alias := elastictest.Alias(t, url)
	const definition = `{"settings":{"number_of_replicas":0},"mappings":{"properties":{"n":{"type":"%s"}}}}`
	first, err := rebuildThrough(t, url, alias, "first", fmt.Sprintf(definition, "long"), func(next http.RoundTripper, req *http.Request) (*http.Response, error) { return next.RoundTrip(req) })
	if err != nil {
		t.Fatal(err)
	}
	old := url + "/" + first.Generation
	look := func() string {
		return elastictest.Call(t, http.MethodGet, old, "") + elastictest.Call(t, http.MethodGet, old+"/_count", "") + elastictest.Call(t, http.MethodGet, url+"/_alias/"+alias, "")
	}
	before := look()
	if !strings.Contains(before, `"count":20`) || !strings.Contains(before, `"`+alias+`":{}`) {
		t.Fatalf("the first rebuild left %s", before)
	}
	for _, trouble := range []struct {
		name, kind string // of the field
		happens    func(t *testing.T, generation string)
		deny       bool // every request from then on
		want       []string
	}{
		{"rejected", "boolean", func(*testing.T, string) {}, false, []string{"20 documents were rejected", "parsing_exception"}},
		{"flooded", "long", func(t *testing.T, name string) {
			elastictest.Call(t, http.MethodPut, url+"/"+name+"/_settings", `{"index.blocks.read_only_allow_delete":true}`)
		}, false, []string{"flood-stage watermark", "without a verdict"}},
		{"read-only", "long", func(t *testing.T, name string) {
			elastictest.Call(t, http.MethodPut, url+"/"+name+"/_settings", `{"index.blocks.read_only":true}`)
		}, false, []string{"somebody has set a block", "without a verdict"}},
		{"deleted", "long", func(t *testing.T, name string) { elastictest.Call(t, http.MethodDelete, url+"/"+name, "") }, false, []string{"was deleted while it was written"}},
		{"revoked", "long", func(*testing.T, string) {}, true, []string{"does not accept the credentials", "api_key"}},
	} {
		var bulks atomic.Int64
		var denied atomic.Bool
		rec, err := rebuildThrough(t, url, alias, trouble.name, fmt.Sprintf(definition, trouble.kind), func(next http.RoundTripper, req *http.Request) (*http.Response, error) {
			writer, isBulk := strings.CutSuffix(strings.Trim(req.URL.Path, "/"), "/_bulk")
			name := writer[:max(0, strings.LastIndex(writer, "-w"))]
			if isBulk && bulks.Add(1) == 3 {
				trouble.happens(t, name)
				denied.Store(trouble.deny)
			}
			if denied.Load() {
				return respond(http.StatusUnauthorized, `{"error":{"type":"security_exception","reason":"token expired"},"status":401}`), nil
			}
			return next.RoundTrip(req)
		})
		var e *elastic.Error
		if err == nil || rec.Status != report.Failed || bulks.Load() < 3 || trouble.name != "rejected" && !errors.As(err, &e) {
			t.Fatalf("%s: %v: status %s after %d bulk requests", trouble.name, err, rec.Status, bulks.Load())
		}
		for _, want := range trouble.want {
			if !strings.Contains(err.Error(), want) {
				t.Errorf("%s: the message lacks %q: %v", trouble.name, want, err)
			}
		}
		if after := look(); after != before {
			t.Errorf("%s: what serves was %s\nand is %s", trouble.name, before, after)
		}
		elastictest.Call(t, http.MethodPut, url+"/"+rec.Generation+"/_settings", `{"index.blocks.read_only_allow_delete":null,"index.blocks.read_only":null}`) // to be deleted
	}
}
