package elastictest

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"

	"humpty/internal/testenv/devstack"
)

// Alias is a new name, whose indices on the server are deleted with the test.
func Alias(t *testing.T, url string) string {
	t.Helper()
	name := devstack.Name(t)
	t.Cleanup(func() {
		for index := range strings.FieldsSeq(Call(t, http.MethodGet, url+"/_cat/indices/"+name+"*?h=index&expand_wildcards=all", "")) {
			Call(t, http.MethodDelete, url+"/"+index, "")
		}
		Call(t, http.MethodDelete, url+"/humpty-leases/_doc/"+name+"?ignore_unavailable=true", "")
	})
	return name
}

// Call speaks to a server past the code under test, and returns what it says.
func Call(t *testing.T, method, url, body string) string {
	t.Helper()
	ctx := context.WithoutCancel(t.Context())
	req, err := http.NewRequestWithContext(ctx, method, url, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	return Do(t, http.DefaultClient, req)
}

// Do makes a request with a body of JSON, and returns what the server says.
func Do(t *testing.T, client *http.Client, req *http.Request) string {
	t.Helper()
	req.Header.Set("Content-Type", "application/json")
	res, err := client.Do(req)
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

// Settings reads those of an index as the server has them, flat.
func Settings(t *testing.T, url, index string) map[string]any {
	t.Helper()
	var all map[string]struct{ Settings map[string]any }
	if err := json.Unmarshal([]byte(Call(t, http.MethodGet, url+"/"+index+"/_settings?flat_settings=true", "")), &all); err != nil {
		t.Fatal(err)
	}
	return all[index].Settings
}
