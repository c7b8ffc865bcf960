package bulk

import (
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"humpty/sinks"
	"humpty/sinks/elastic/transport"
)

// TestEndlessAnswer: an answer to a bulk request that does not end ends the write, and names the
// server; no document has a verdict.
func TestEndlessAnswer(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		for {
			if _, err := w.Write([]byte(strings.Repeat(" ", 64<<10))); err != nil {
				return
			}
		}
	}))
	t.Cleanup(server.Close)
	client, err := transport.New(transport.Config{Addresses: []string{server.URL}})
	if err != nil {
		t.Fatal(err)
	}
	w := New(client, Config{Index: "orders-1", Alias: func() string { return "orders-1-w1" }, MaxRequestBytes: 1 << 20, RetryBound: time.Minute, UnassignedTimeout: time.Minute, Waiting: func(string) {}})
	w.Tag("run", 1)
	docs := documents(3, 100)
	verdicts := make([]sinks.Verdict, len(docs))
	_, err = w.Write(t.Context(), docs, verdicts)
	var e *transport.Error
	if !errors.As(err, &e) || !strings.Contains(err.Error(), "127.0.0.1:") || !strings.Contains(err.Error(), "bytes, which no such answer has") {
		t.Fatalf("%v", err)
	}
	for i, v := range verdicts {
		if v.Outcome != sinks.Undecided {
			t.Errorf("document %d has the verdict %v", i, v)
		}
	}
}
