package rig

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
)

// Target is a search server, and the alias on it that is the test's own.
type Target struct {
	ES    string // its address
	Alias string
}

// Request talks to the target; it returns the status and the answer.
func (x *Target) Request(t testing.TB, method, path, body string) (int, string) {
	t.Helper()
	return x.RequestWith(t.Context(), t, method, path, body)
}

// RequestWith is Request with a context of its own, for what comes after the test.
func (x *Target) RequestWith(ctx context.Context, t testing.TB, method, path, body string) (int, string) {
	t.Helper()
	req, err := http.NewRequestWithContext(ctx, method, x.ES+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	return resp.StatusCode, string(data)
}

// Serving is what the alias points to, and how many documents a search finds.
func (x *Target) Serving(t testing.TB) (index string, documents int) {
	t.Helper()
	status, body := x.Request(t, http.MethodGet, "/_alias/"+x.Alias, "")
	if status == http.StatusNotFound {
		return "", 0
	}
	var aliases map[string]any
	if err := json.Unmarshal([]byte(body), &aliases); err != nil || len(aliases) != 1 {
		t.Fatalf("alias: %d %s", status, body)
	}
	for index = range aliases {
	}
	_, body = x.Request(t, http.MethodGet, "/"+x.Alias+"/_count", "")
	var count struct{ Count int }
	if err := json.Unmarshal([]byte(body), &count); err != nil {
		t.Fatal(err)
	}
	return index, count.Count
}

// Expire makes a dead process's lease run out, as it does after a minute; one that was never taken
// is no mistake.
func (x *Target) Expire(t testing.TB) {
	t.Helper()
	code, body := x.Request(t, http.MethodPost, "/humpty-leases/_update/"+x.Alias, `{"doc": {"expires": "0001-01-01T00:00:00Z"}}`)
	if code != http.StatusOK && code != http.StatusNotFound {
		t.Fatalf("let the lease run out: %d %s", code, body)
	}
}
