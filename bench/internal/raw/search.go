package raw

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
)

// Search is a search server over plain HTTP.
type Search struct {
	url    string
	client *http.Client
}

// NewSearch keeps as many connections as are used at once.
func NewSearch(url string) *Search {
	return &Search{url: url, client: &http.Client{Transport: &http.Transport{
		MaxIdleConnsPerHost: 64, WriteBufferSize: 64 << 10, ReadBufferSize: 64 << 10, DisableCompression: true,
	}}}
}

// Close closes the idle connections.
func (s *Search) Close() { s.client.CloseIdleConnections() }

// Call sends one request, JSON or NDJSON, and returns the whole answer; a status of 300
// or more is an error.
func (s *Search) Call(ctx context.Context, method, path string, body []byte) ([]byte, error) {
	var answer bytes.Buffer
	err := s.call(ctx, method, path, body, &answer)
	return answer.Bytes(), err
}

// call reads the answer into a buffer of the caller's, which it empties first.
func (s *Search) call(ctx context.Context, method, path string, body []byte, answer *bytes.Buffer) (err error) {
	req, err := http.NewRequestWithContext(ctx, method, s.url+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/x-ndjson") // the servers take it for JSON too
	if len(body) == 0 {
		req.Body, req.ContentLength = http.NoBody, 0
		req.Header.Del("Content-Type")
	} else if !bytes.HasSuffix(body, []byte("\n")) {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := s.client.Do(req)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, res.Body.Close()) }()
	answer.Reset()
	if _, err := answer.ReadFrom(res.Body); err != nil && !errors.Is(err, io.EOF) {
		return fmt.Errorf("%s %s: read the answer: %w", method, path, err)
	}
	if res.StatusCode >= http.StatusMultipleChoices {
		return fmt.Errorf("%s %s: HTTP %d: %.300s", method, path, res.StatusCode, answer.Bytes())
	}
	return nil
}

// Get asks and decodes the answer.
func (s *Search) Get(ctx context.Context, path string, into any) error {
	answer, err := s.Call(ctx, http.MethodGet, path, nil)
	if err != nil {
		return err
	}
	if err := json.Unmarshal(answer, into); err != nil {
		return fmt.Errorf("GET %s: %w", path, err)
	}
	return nil
}

// Refresh makes everything written so far visible.
func (s *Search) Refresh(ctx context.Context, index string) error {
	_, err := s.Call(ctx, http.MethodPost, "/"+index+"/_refresh", nil)
	return err
}

// Count is how many documents a search finds.
func (s *Search) Count(ctx context.Context, index string) (int64, error) {
	var answer struct {
		Count int64 `json:"count"`
	}
	err := s.Get(ctx, "/"+index+"/_count", &answer)
	return answer.Count, err
}

// Delete removes an index, if it is there, and waits until it is gone.
func (s *Search) Delete(ctx context.Context, index string) error {
	_, err := s.Call(ctx, http.MethodDelete, "/"+index+"?ignore_unavailable=true", nil)
	return err
}
