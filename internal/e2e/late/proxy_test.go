package late

import (
	"bytes"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"humpty/internal/e2e/rig"
)

// proxy answers 504 to the first bulk request that has a text in it, and keeps it.
type proxy struct {
	to *url.URL

	mu    sync.Mutex
	text  string
	path  string
	kept  []byte
	there chan struct{} // closed when one is kept
}

// behind puts the shop's target behind a proxy.
func behind(t *testing.T, s *rig.Shop) *proxy {
	t.Helper()
	to, err := url.Parse(s.ES)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{to: to}
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.ErrorLog = log.New(io.Discard, "", 0) // a client that goes away is part of the tests
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, "/_bulk") {
			forward.ServeHTTP(w, r)
			return
		}
		body, err := io.ReadAll(r.Body)
		if err != nil || p.keep(r.URL.RequestURI(), body) {
			http.Error(w, "<html>Gateway Time-out</html>", http.StatusGatewayTimeout)
			return
		}
		r.Body = io.NopCloser(bytes.NewReader(body))
		forward.ServeHTTP(w, r)
	}))
	t.Cleanup(server.Close)
	s.Env["ES"] = server.URL
	return p
}

// holding has the next request with the text held, and not passed on.
func (p *proxy) holding(text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.text, p.kept, p.there = text, nil, make(chan struct{})
}

func (p *proxy) keep(path string, body []byte) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.text == "" || !bytes.Contains(body, []byte(p.text)) {
		return false
	}
	p.path, p.kept, p.text = path, body, ""
	close(p.there)
	return true
}

// wait waits until one is held.
func (p *proxy) wait(t *testing.T) {
	t.Helper()
	select {
	case <-p.there:
	case <-time.After(time.Minute):
		t.Fatal("no such bulk request was sent")
	}
}

// pass sends it on, and returns the answer.
func (p *proxy) pass(t *testing.T) string {
	t.Helper()
	p.wait(t)
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, p.to.Scheme+"://"+p.to.Host+p.path, bytes.NewReader(p.kept))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/x-ndjson")
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	answer, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(answer[:min(len(answer), 300)])
}
