package rig

import (
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
)

// Hold lets this many bulk requests of the program through to the target, and holds those
// behind them: at says when the first is there, release lets all of them go on. So a run
// stays in its load for as long as a test likes.
func (s *Shop) Hold(t testing.TB, through int64) (at <-chan struct{}, release func()) {
	t.Helper()
	to, err := url.Parse(s.ES)
	if err != nil {
		t.Fatal(err)
	}
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.ErrorLog = log.New(io.Discard, "", 0) //nolint:forbidigo // silent: a client that goes away is part of the tests
	arrived, free := make(chan struct{}), make(chan struct{})
	var seen atomic.Int64
	var once, freed sync.Once
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/_bulk") && seen.Add(1) > through {
			once.Do(func() { close(arrived) })
			<-free
		}
		forward.ServeHTTP(w, r)
	}))
	release = func() { freed.Do(func() { close(free) }) }
	t.Cleanup(server.Close)
	t.Cleanup(release)
	s.Env["ES"] = server.URL
	return arrived, release
}
