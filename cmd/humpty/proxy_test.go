package main

import (
	"io"
	"log"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// proxy stands between humpty and Elasticsearch: before sees each request and returns
// true if it has answered it. It changes the shop's address of the target.
func (s *shop) proxy(t *testing.T, before func(w http.ResponseWriter, r *http.Request) bool) {
	t.Helper()
	to, err := url.Parse(s.es)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.ErrorLog = log.New(io.Discard, "", 0) // a client that goes away is part of the tests
	s.serve(t, func(w http.ResponseWriter, r *http.Request) {
		if !before(w, r) {
			forward.ServeHTTP(w, r)
		}
	})
}

// onFirstBulk calls do once, before the first documents reach Elasticsearch.
func (s *shop) onFirstBulk(t *testing.T, do func()) {
	t.Helper()
	var once sync.Once
	s.proxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if strings.HasSuffix(r.URL.Path, "/_bulk") {
			once.Do(do)
		}
		return false
	})
}

func refuse(w http.ResponseWriter, status int, body string) bool {
	w.Header().Set("X-Elastic-Product", "Elasticsearch")
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write([]byte(body))
	return true
}
