package elastic_test

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
	"humpty/sinks/sinktest"
)

// TestEachFault spoils every second request in one way: each document has its verdict
// all the same, and is there once.
func TestEachFault(t *testing.T) {
	t.Parallel()
	url := devstack.Elasticsearch(t)
	alias := elastictest.Alias(t, url)
	index, name := elastictest.Generation(t, elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias}), alias, "")
	kinds := []string{"TooMany", "ItemsFull", "Unavailable", "CutBefore", "CutAfter", "GatewayOut", "Truncated", "Shortened", "Page", "Fewer"}
	t.Run("all", func(t *testing.T) {
		for fault, kind := range kinds {
			t.Run(kind, func(t *testing.T) {
				t.Parallel()
				faults := &sinktest.Faults{Every: 1 << 30, Kinds: []sinktest.Fault{sinktest.Fault(fault)}}
				target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias, Wrap: func(next http.RoundTripper) http.RoundTripper {
					faults.Next = next
					return faults
				}})
				index, err := target.Open(t.Context(), name)
				if err == nil { // the others leave it alone: its role is its own
					err = index.(sinks.WriterFence).BeginWriter(t.Context(), sinks.WriterRole(kind)) //nolint:forcetypeassert // see target.go
				}
				if err != nil {
					t.Fatal(err)
				}
				faults.Every = 2 // of writing; TestFaults spoils the changes of aliases
				writeSpoiled(t, index, faults, kind, fault < 2)
			})
		}
	})
	if n, err := index.Count(t.Context()); n != int64(10*len(kinds)) || err != nil {
		t.Errorf("%d documents (%v), want 10 for each fault", n, err)
	}
}

func writeSpoiled(t *testing.T, index sinks.Index, faults *sinktest.Faults, prefix string, full bool) {
	t.Helper()
	var total sinks.Receipt
	const rounds, n = 6, 10
	before := faults.Injected.Load()
	for range rounds {
		docs, verdicts := elastictest.Batch(n, 1<<40), make([]sinks.Verdict, n)
		for i := range docs {
			docs[i].ID = append([]byte(prefix), docs[i].ID...)
		}
		receipt, err := index.Write(t.Context(), docs, verdicts)
		if err != nil {
			t.Fatal(err)
		}
		for i, v := range verdicts {
			if v.Outcome != sinks.Written {
				t.Errorf("document %s: %+v", docs[i].ID, v)
			}
		}
		total.Requests += receipt.Requests
		total.Retries += receipt.Retries
		total.Throttled += receipt.Throttled
	}
	count := int(faults.Injected.Load() - before)
	if count == 0 || total.Retries != count || total.Requests != rounds+count {
		t.Errorf("receipts say %d requests, %d of them sent again; %d were spoiled", total.Requests, total.Retries, count)
	}
	if full && total.Throttled != count || !full && total.Throttled != 0 {
		t.Errorf("receipts say that %d were throttled, %d were spoiled", total.Throttled, count)
	}
}

// fakeBulk answers bulk requests by a function, all else by the server.
type fakeBulk struct {
	next http.RoundTripper
	bulk func(n int, req *http.Request, body string) *http.Response
	n    atomic.Int64
}

func (f *fakeBulk) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(req.URL.Path, "/_bulk") {
		return f.next.RoundTrip(req)
	}
	body, err := io.ReadAll(req.Body)
	if err := errors.Join(err, req.Body.Close()); err != nil {
		return nil, err
	}
	if res := f.bulk(int(f.n.Add(1)), req, string(body)); res != nil {
		return res, nil
	}
	req = req.Clone(req.Context())
	req.Body = io.NopCloser(strings.NewReader(string(body)))
	return f.next.RoundTrip(req)
}

func respond(status int, body string) *http.Response {
	return &http.Response{StatusCode: status, Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body))}
}

// newFakedIndex is a generation on a server whose bulk answers the test makes; nil: the server's.
func newFakedIndex(t *testing.T, cfg elastic.Config, bulk func(n int, req *http.Request, body string) *http.Response) sinks.Index {
	t.Helper()
	url := devstack.Elasticsearch(t)
	cfg.Alias = elastictest.Alias(t, url)
	cfg.Addresses = []string{url}
	cfg.Wrap = func(next http.RoundTripper) http.RoundTripper { return &fakeBulk{next: next, bulk: bulk} }
	index, _ := elastictest.Generation(t, elastictest.Target(t, cfg), cfg.Alias, sinktest.Definition)
	return index
}

// TestGivesUp shows the answers that waiting does not cure.
func TestGivesUp(t *testing.T) {
	t.Parallel()
	var says func() *http.Response
	index := newFakedIndex(t, elastic.Config{RetryBound: 200 * time.Millisecond}, func(int, *http.Request, string) *http.Response { return says() })
	for name, test := range map[string]struct {
		status int
		answer string
		kind   elastic.Kind
		want   []string
	}{
		"revoked":      {401, `{"error":{"type":"security_exception","reason":"unable to authenticate"},"status":401}`, elastic.Rights, []string{"does not accept the credentials", "api_key"}},
		"no right":     {403, `{"error":{"type":"security_exception","reason":"action [indices:data/write/bulk] is unauthorized"},"status":403}`, elastic.Rights, []string{"unauthorized", "create_index"}},
		"item: right":  {200, `{"errors":true,"items":[{"index":{"status":403,"error":{"type":"security_exception","reason":"unauthorized for user [u]"}}}]}`, elastic.Rights, []string{"unauthorized for user [u]", "create_index"}},
		"proxy's page": {200, `<html>Welcome</html>`, elastic.Failed, []string{"<html>Welcome</html>", "a proxy between"}},
		"not found":    {404, `<html>no such page</html>`, elastic.Failed, []string{"HTTP 404", "no such page"}},
		"fewer items":  {200, `{"errors":false,"items":[]}`, elastic.Failed, []string{"1 documents were sent, but the answer is about 0"}},
		"server error": {200, `{"errors":true,"items":[{"index":{"status":500,"error":{"type":"null_pointer_exception","reason":"oops"}}}]}`, elastic.Failed, []string{"null_pointer_exception: oops"}},
	} {
		t.Run(name, func(t *testing.T) {
			says = func() *http.Response { return respond(test.status, test.answer) }
			verdicts := make([]sinks.Verdict, 1)
			_, err := index.Write(t.Context(), elastictest.Batch(1, 1), verdicts)
			var e *elastic.Error
			if !errors.As(err, &e) || e.Kind != test.kind || verdicts[0].Outcome != sinks.Undecided {
				t.Fatalf("%v, verdict %+v; want an error of kind %d and no verdict", err, verdicts[0], test.kind)
			}
			for _, want := range append(test.want, "1 documents are without a verdict") {
				if name == "revoked" && strings.Contains(want, "without") {
					continue
				}
				if !strings.Contains(err.Error(), want) {
					t.Errorf("the message lacks %q: %v", want, err)
				}
			}
		})
	}
}

// TestSplits lets a proxy take small requests only: batches are divided, what is too
// large alone is rejected, and the next batches are small from the start.
func TestSplits(t *testing.T) {
	t.Parallel()
	const limit = 4000
	largest := 0
	index := newFakedIndex(t, elastic.Config{}, func(_ int, _ *http.Request, body string) *http.Response {
		largest = max(largest, len(body))
		if len(body) > limit {
			return respond(http.StatusRequestEntityTooLarge, "<html>413 Request Entity Too Large</html>")
		}
		return nil
	})
	docs := elastictest.Batch(200, 1)
	docs[77].Body = []byte(`{"text":"` + strings.Repeat("x", limit) + `"}`)
	verdicts := make([]sinks.Verdict, len(docs))
	if _, err := index.Write(t.Context(), docs, verdicts); err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if i == 77 {
			if v.Outcome != sinks.Rejected || v.Status != 413 || !strings.Contains(v.Reason, "http.max_content_length") {
				t.Errorf("the large document: %+v", v)
			}
		} else if v.Outcome != sinks.Written {
			t.Errorf("document %d: %+v", i, v)
		}
	}
	largest = 0
	receipt, err := index.Write(t.Context(), elastictest.Batch(200, 1), verdicts)
	if err != nil || receipt.Retries != 0 || largest > limit {
		t.Errorf("the next batch: %v, %d sent again, largest %d", err, receipt.Retries, largest)
	}
}

// TestRefusedRequest lets one document make the server refuse all that travels with it,
// as it does for mistakes that humpty does not know.
func TestRefusedRequest(t *testing.T) {
	t.Parallel()
	index := newFakedIndex(t, elastic.Config{}, func(_ int, _ *http.Request, body string) *http.Response {
		if strings.Contains(body, `"_id":"13"`) || strings.Contains(body, `"_id":"90"`) {
			return respond(400, `{"error":{"type":"illegal_argument_exception","reason":"unlucky"},"status":400}`)
		}
		return nil
	})
	verdicts := make([]sinks.Verdict, 100)
	if _, err := index.Write(t.Context(), elastictest.Batch(100, 1), verdicts); err != nil {
		t.Fatal(err)
	}
	for i, v := range verdicts {
		if unlucky := i == 13 || i == 90; unlucky != (v.Outcome == sinks.Rejected) || unlucky && v.Reason != "unlucky" {
			t.Errorf("document %d: %+v", i, v)
		}
	}
}

// TestOutage: as long as nobody answers, Write waits, says why, and ends with its context.
func TestOutage(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	said := ""
	cfg := elastic.Config{RetryBound: time.Nanosecond, Waiting: func(reason string) { // patience is for other troubles
		said = reason
		cancel()
	}}
	index := newFakedIndex(t, cfg, func(int, *http.Request, string) *http.Response { return respond(503, "no") })
	verdicts := make([]sinks.Verdict, 3)
	receipt, err := index.Write(ctx, elastictest.Batch(3, 1), verdicts)
	if !errors.Is(err, context.Canceled) || !strings.Contains(err.Error(), "3 documents are without a verdict and may still be written") {
		t.Errorf("%v, want the context's error and what is open", err)
	}
	if !strings.Contains(said, "HTTP 503 Service Unavailable: no") || receipt.Retries < 3 {
		t.Errorf("said %q after %d requests were sent again", said, receipt.Retries)
	}
}

// TestRequest is what travels: an id for the cluster's task list, and gzip if asked for.
func TestRequest(t *testing.T) {
	t.Parallel()
	for _, zip := range []bool{false, true} {
		var seen *http.Request
		index := newFakedIndex(t, elastic.Config{Gzip: zip}, func(_ int, req *http.Request, body string) *http.Response {
			seen = req
			if zip == strings.Contains(body, `"_id"`) {
				t.Errorf("gzip %v, but the body is %.40q", zip, body)
			}
			return nil
		})
		for range 2 { // buffers are used again
			verdicts := make([]sinks.Verdict, 50)
			if _, err := index.Write(t.Context(), elastictest.Batch(50, 1), verdicts); err != nil {
				t.Fatal(err)
			}
			for i, v := range verdicts {
				if v.Outcome != sinks.Written {
					t.Errorf("document %d: %+v", i, v)
				}
			}
		}
		if got := seen.Header.Get("X-Opaque-Id"); got != "humpty-r7-3" {
			t.Errorf("X-Opaque-Id %q", got)
		}
		if seen.Header.Get("Content-Encoding") == "gzip" != zip || seen.ContentLength <= 0 {
			t.Errorf("gzip %v: encoding %q, length %d", zip, seen.Header.Get("Content-Encoding"), seen.ContentLength)
		}
	}
}
