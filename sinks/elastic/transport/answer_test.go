package transport_test

import (
	"bytes"
	"errors"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"humpty/sinks/elastic/answer"
	"humpty/sinks/elastic/transport"
)

// peer is a client of a server that answers as it likes.
func peer(t *testing.T, timeout time.Duration, handle http.HandlerFunc) *transport.Client {
	t.Helper()
	server := httptest.NewServer(handle)
	t.Cleanup(server.Close)
	client, err := transport.New(transport.Config{Addresses: []string{server.URL}, RequestTimeout: timeout})
	if err != nil {
		t.Fatal(err)
	}
	return client
}

// endless answers without an end.
func endless(status int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(status)
		for {
			if _, err := w.Write([]byte(strings.Repeat(" ", 64<<10))); err != nil {
				return
			}
		}
	}
}

// TestEndlessAnswers: an answer that does not end is an error that names the server, at once and
// without taking the memory, whatever its status is.
func TestEndlessAnswers(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct {
		status int
		most   answer.Limit
	}{
		"of a small call": {http.StatusOK, 0}, "of documents": {http.StatusOK, 1 << 20}, "an error": {http.StatusBadRequest, 1 << 20}, "one to try again": {http.StatusServiceUnavailable, 1 << 20},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			client := peer(t, time.Minute, endless(c.status))
			var got bytes.Buffer
			began := time.Now()
			_, err := client.Once(t.Context(), transport.Request{Method: http.MethodGet, Path: "/_cat/indices", Most: c.most}, &got)
			var endless *answer.Endless
			if !errors.As(err, &endless) || !strings.Contains(err.Error(), "127.0.0.1:") || !strings.Contains(err.Error(), "/_cat/indices") {
				t.Fatalf("%v", err)
			}
			if got.Cap() > 0 {
				t.Errorf("it took %d bytes", got.Cap())
			}
			err = client.Call(t.Context(), transport.Request{Method: http.MethodGet, Path: "/_cat/indices", RetryFor: time.Minute, Most: c.most}, nil)
			var e *transport.Error
			if !errors.As(err, &e) || e.Kind != transport.Failed {
				t.Errorf("%v", err)
			}
			if took := time.Since(began); took > 50*time.Second {
				t.Errorf("it was tried for %s", took)
			}
		})
	}
}

// TestHugeLengths: a length that is announced takes no memory.
func TestHugeLengths(t *testing.T) {
	t.Parallel()
	client := peer(t, time.Minute, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "9000000000000000")
		_, _ = w.Write([]byte("{"))
	})
	var got bytes.Buffer
	_, err := client.Once(t.Context(), transport.Request{Method: http.MethodGet, Path: "/"}, &got)
	if err == nil || got.Cap() > 1<<20 {
		t.Errorf("%v, %d bytes", err, got.Cap())
	}
}

// TestDrips: an answer of which a byte comes now and then is no answer.
func TestDrips(t *testing.T) {
	t.Parallel()
	client := peer(t, 200*time.Millisecond, func(w http.ResponseWriter, r *http.Request) {
		tick := time.NewTicker(20 * time.Millisecond)
		defer tick.Stop()
		for {
			if _, err := w.Write([]byte(" ")); err != nil || http.NewResponseController(w).Flush() != nil {
				return
			}
			select {
			case <-tick.C:
			case <-r.Context().Done():
				return
			}
		}
	})
	began := time.Now()
	err := client.Call(t.Context(), transport.Request{Method: http.MethodGet, Path: "/", RetryFor: time.Second}, nil)
	if !transport.IsUnavailable(err) || time.Since(began) > 20*time.Second {
		t.Errorf("%v after %s", err, time.Since(began))
	}
}
