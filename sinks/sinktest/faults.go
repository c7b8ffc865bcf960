package sinktest

import (
	"bytes"
	"errors"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
)

// Fault is one way in which a request or its answer goes wrong.
type Fault uint8

// The faults. After means that the server has done what was asked.
const (
	TooMany     Fault = iota // 429 for the whole request
	ItemsFull                // 200, with a 429 for each item of a bulk request; 429 for other requests
	Unavailable              // 503
	CutBefore                // connection cut, nothing done
	CutAfter                 // connection cut after the effect
	GatewayOut               // 504 of a proxy, in HTML, after the effect
	Truncated                // half the answer, then the connection is cut, after the effect
	Shortened                // half the answer, as if it were whole, after the effect
	Page                     // 200 with a proxy's HTML, after the effect
	Fewer                    // 200, but without the last item of a bulk request, after the effect
	lastFault
)

// Faults spoils requests on their way to a real server: each of the kinds in turn, one
// in Every requests.
type Faults struct {
	Next  http.RoundTripper
	Every int     // 0: 3
	Kinds []Fault // nil: all

	requests atomic.Int64
	Injected atomic.Int64 // requests so far
}

var errCut = errors.New("connection reset by peer (by the test)")

// RoundTrip implements http.RoundTripper.
func (f *Faults) RoundTrip(req *http.Request) (*http.Response, error) {
	n, every := f.requests.Add(1), int64(f.Every)
	if every == 0 {
		every = 3
	}
	if n%every != 0 {
		return f.Next.RoundTrip(req)
	}
	f.Injected.Add(1)
	kind := Fault(n / every % int64(lastFault))
	if f.Kinds != nil {
		kind = f.Kinds[int(n/every)%len(f.Kinds)]
	}
	switch kind {
	case TooMany, ItemsFull, Unavailable, CutBefore:
		return before(req, kind)
	}
	res, err := f.Next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	body, err := io.ReadAll(res.Body)
	if err := errors.Join(err, res.Body.Close()); err != nil {
		return nil, err
	}
	return after(res, body, kind)
}

// before answers without the server.
func before(req *http.Request, kind Fault) (*http.Response, error) {
	var sent []byte
	if req.Body != nil {
		var err error
		sent, err = io.ReadAll(req.Body)
		if err := errors.Join(err, req.Body.Close()); err != nil {
			return nil, err
		}
	}
	const full = `{"error":{"type":"es_rejected_execution_exception","reason":"by the test"},"status":429}`
	switch {
	case kind == CutBefore:
		return nil, errCut
	case kind == Unavailable:
		return answer(req, http.StatusServiceUnavailable, `{"error":{"type":"no_master","reason":"by the test"},"status":503}`), nil
	case kind == ItemsFull && strings.Contains(req.URL.Path, "/_bulk") && req.Header.Get("Content-Encoding") == "":
		item := `{"index":` + full + `}`
		n := bytes.Count(sent, []byte("\n")) - bytes.Count(sent, []byte("{\"index\":{\"_id\""))
		return answer(req, http.StatusOK, `{"errors":true,"items":[`+strings.TrimSuffix(strings.Repeat(item+",", n), ",")+`]}`), nil
	}
	return answer(req, http.StatusTooManyRequests, full), nil
}

// after spoils the answer to what was done.
func after(res *http.Response, body []byte, kind Fault) (*http.Response, error) {
	const page = "<html><body><h1>This page is the proxy's</h1></body></html>"
	switch kind {
	case CutAfter:
		return nil, errCut
	case GatewayOut:
		return answer(res.Request, http.StatusGatewayTimeout, page), nil
	case Page:
		return answer(res.Request, http.StatusOK, page), nil
	case Truncated:
		cut := io.MultiReader(bytes.NewReader(body[:len(body)/2]), brokenReader{})
		res.Body = io.NopCloser(cut)
		return res, nil
	case Shortened:
		body = body[:len(body)/2]
	case Fewer:
		if at := bytes.LastIndex(body, []byte(`,{"index"`)); at >= 0 {
			body = append(body[:at:at], "]}"...)
		}
	}
	res.Body, res.ContentLength = io.NopCloser(bytes.NewReader(body)), int64(len(body))
	return res, nil
}

type brokenReader struct{}

func (brokenReader) Read([]byte) (int, error) { return 0, errCut }

func answer(req *http.Request, status int, body string) *http.Response {
	return &http.Response{
		Status: http.StatusText(status), StatusCode: status, Proto: "HTTP/1.1", ProtoMajor: 1, ProtoMinor: 1,
		Header: http.Header{}, Body: io.NopCloser(strings.NewReader(body)), ContentLength: int64(len(body)), Request: req,
	}
}
