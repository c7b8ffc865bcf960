package elastic_test

import (
	"bytes"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"humpty/internal/testenv/devstack"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/elastic/elastictest"
)

// slowNodes has changes of mappings and settings made, and answers so many times that not
// every node has confirmed them.
type slowNodes struct {
	next http.RoundTripper
	left atomic.Int64
}

func (s *slowNodes) RoundTrip(req *http.Request) (*http.Response, error) {
	res, err := s.next.RoundTrip(req)
	if err == nil && req.Method == http.MethodPut && (strings.HasSuffix(req.URL.Path, "/_mapping") || strings.HasSuffix(req.URL.Path, "/_settings")) && s.left.Add(-1) >= 0 {
		_ = res.Body.Close()
		res.Body, res.ContentLength = io.NopCloser(bytes.NewReader([]byte(`{"acknowledged":false}`))), -1
	}
	return res, err
}

// A change that not every node confirms in time, as on a saturated disk, is asked for again;
// for good it is an error.
func TestUnconfirmedChange(t *testing.T) {
	t.Parallel()
	url := devstack.Elasticsearch(t)
	alias := elastictest.Alias(t, url)
	slow := &slowNodes{}
	target := elastictest.Target(t, elastic.Config{Addresses: []string{url}, Alias: alias, Wrap: func(next http.RoundTripper) http.RoundTripper {
		slow.next = next
		return slow
	}})
	index, _ := elastictest.Generation(t, target, alias, "")
	slow.left.Store(2)
	if err := index.Note(t.Context(), sinks.Meta{State: sinks.Loading}); err != nil {
		t.Errorf("confirmed when asked for the third time: %v", err)
	}
	slow.left.Store(1000)
	if err := index.Note(t.Context(), sinks.Meta{State: sinks.Loading}); err == nil || !strings.Contains(err.Error(), "not every node has confirmed the change in time") {
		t.Errorf("never confirmed: %v", err)
	}
	slow.left.Store(1)
	if err := index.Seal(t.Context(), func(string) {}); err != nil {
		t.Errorf("settings confirmed when asked for again: %v", err)
	}
}
