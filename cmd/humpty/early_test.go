package main

import (
	"context"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// Searches find what is there while the rest is loaded, and writes through the alias are
// refused until the run is completed.
func TestServeEarly(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	ctx := context.WithoutCancel(t.Context())
	var busy atomic.Bool // also with its own requests, which pass here too
	var status answer
	refused, early := 0, 0
	s.proxy(t, func(_ http.ResponseWriter, r *http.Request) bool {
		if !strings.HasSuffix(r.URL.Path, "/_bulk") || !busy.CompareAndSwap(false, true) {
			return false
		}
		defer busy.Store(false)
		if status.out != "" {
			return false
		}
		if code, _ := s.request(t, ctx, http.MethodGet, "/_alias/"+s.alias, ""); code != http.StatusOK {
			return false
		}
		refused, _ = s.request(t, ctx, http.MethodPut, "/"+s.alias+"/_doc/1?require_alias=true", `{"note": "by the application"}`)
		s.request(t, ctx, http.MethodPost, "/"+s.alias+"/_refresh", "")
		_, early = s.serving(t)
		status = s.run(ctx, "status")
		return false
	})
	s.run(t.Context(), "rebuild", "--serve-early", "--writers", "1", "--batch", "8KB").want(t, exitDone, "which is partial until the run is completed", "300 written")
	status.want(t, exitDone, "partial: not completed; writes through the alias are refused")
	if early == 0 || early >= 300 || refused != http.StatusBadRequest {
		t.Errorf("%d documents were found early, a write got status %d", early, refused)
	}
	after := s.run(t.Context(), "status")
	if strings.Contains(after.out, "partial") {
		t.Errorf("it still is partial: %s", after.out)
	}
	if code, body := s.request(t, ctx, http.MethodPut, "/"+s.alias+"/_doc/1?require_alias=true", `{"note": "by the application"}`); code != http.StatusOK {
		t.Errorf("a write through the alias: %d %s", code, body)
	}
	s.run(t.Context(), "rebuild", "--serve-early").want(t, exitGuard, "cannot be served early: alias "+s.alias+" serves")
}

// What did not get to its end stays partial, with the exit code of what ended it.
func TestServeEarlyThatFails(t *testing.T) {
	t.Parallel()
	s := newShop(t)
	s.edit(t, "alias: ${ALIAS}\n", "alias: ${ALIAS}\n    verify: {queries: queries.yaml}\n")
	s.write(t, "queries.yaml", "none: {body: {query: {term: {id: -1}}}, min_hits: 1}\n")
	a := s.run(t.Context(), "rebuild", "--serve-early", "--json")
	a.want(t, exitDiffers, "goes on serving", "which is partial")
	if r := a.result(t); r["status"] != "failed" || r["record"].(map[string]any)["partial"] != true {
		t.Errorf("%v", r)
	}
	s.run(t.Context(), "status").want(t, exitDone, "partial: not completed")
	s.run(t.Context(), "prune", "--keep", "0", "--yes").want(t, exitDone, "nothing to drop")
	s.write(t, "queries.yaml", "one: {body: {query: {term: {id: 1}}}, min_hits: 1}\n")
	s.run(t.Context(), "rebuild").want(t, exitDone, "it was never completed", "300 written")
	if _, documents := s.serving(t); documents != 300 {
		t.Errorf("%d documents", documents)
	}
}
