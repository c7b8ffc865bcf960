package transport

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8"

	"humpty/sinks/elastic/answer"
)

// Client speaks to one cluster. What it found there is filled by Connect.
type Client struct {
	Addresses string // for messages
	Product   Product
	Version   string // the oldest of its nodes
	UUID      string

	cfg  Config
	base *elasticsearch.BaseClient
}

// New prepares the connections; Connect opens the first.
func New(cfg Config) (*Client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	urls, err := cfg.urls()
	if err != nil {
		return nil, err
	}
	rt, err := cfg.roundTripper()
	if err != nil {
		return nil, err
	}
	addresses := make([]string, len(urls))
	for i, u := range urls {
		addresses[i] = u.String()
	}
	// The base client: the same connections without the generated API. Its addresses are
	// never empty (see urls), so it does not look for one in the environment.
	base, err := elasticsearch.NewBaseClient(elasticsearch.Config{
		Addresses: addresses, Transport: productHeader{rt},
		Username: cfg.Credentials.Username, Password: cfg.Credentials.Password, APIKey: cfg.Credentials.APIKey, ServiceToken: cfg.Credentials.Bearer,
		Header:             http.Header{"User-Agent": {"humpty"}},
		DisableRetry:       true, // what may be sent again is decided here
		DisableMetaHeader:  true,
		ConnectionPoolFunc: newNodePool,
	})
	if err != nil {
		return nil, &Error{Kind: BadConfig, What: "set up the connection to the target", Err: err}
	}
	return &Client{cfg: cfg, base: base, Addresses: strings.Join(cfg.Addresses, ", ")}, nil
}

// Request is one call of the server's API.
type Request struct {
	Method, Path string        // path with query
	Body         []byte        // JSON; nil for none
	RetryFor     time.Duration // how long it is tried again while there is no answer
	Most         answer.Limit  // bytes of the answer; 0: answer.Small
}

// DefaultRetry is how long calls other than bulk requests are tried while a run is under way.
const DefaultRetry = time.Minute

// Call makes one request until it has an answer, and decodes that into out if it is 2xx.
// Anything sent through it may take effect twice. Answers that are not 2xx are *ResponseError,
// no answer is an *Error.
func (c *Client) Call(ctx context.Context, r Request, out any) error {
	return c.Retry(ctx, r, new(bytes.Buffer), func(body []byte, _ http.Header) error {
		if out == nil {
			return nil
		}
		if err := json.Unmarshal(body, out); err != nil {
			return &ResponseError{Status: http.StatusBadGateway, Reason: "the answer is not what the API gives: " + Clip(body)}
		}
		return nil
	})
}

// Retry makes one request until use accepts its answer, which is read into a buffer.
func (c *Client) Retry(ctx context.Context, r Request, into *bytes.Buffer, use func([]byte, http.Header) error) error {
	var backoff Backoff
	for {
		header, err := c.Once(ctx, r, into)
		if err == nil {
			err = use(into.Bytes(), header)
		}
		var no *ResponseError
		var endless *answer.Endless
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &endless):
			return &Error{Kind: Failed, What: endless.Error()}
		case errors.As(err, &no) && !no.Retryable():
			return no
		}
		d := backoff.Next()
		if time.Since(backoff.Since)+d > r.RetryFor {
			return c.unreachable(r, err)
		}
		if Wait(ctx, d) != nil {
			return ctx.Err()
		}
	}
}

// WithTimeout bounds one request.
func (c *Client) WithTimeout(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(ctx, c.cfg.RequestTimeout)
}

// Perform sends a request to the next address, once.
func (c *Client) Perform(req *http.Request) (*http.Response, error) { return c.base.Perform(req) }

func (c *Client) unreachable(r Request, err error) error {
	return &Error{
		Kind: Unreachable,
		What: fmt.Sprintf("no answer from %s to %s %s", c.Addresses, r.Method, r.Path),
		Err:  err, Remedy: "is the server up, and is this its address? (target's addresses)",
	}
}

// Once makes one request once. Answers that are not 2xx are *ResponseError.
func (c *Client) Once(ctx context.Context, r Request, into *bytes.Buffer) (http.Header, error) {
	ctx, cancel := c.WithTimeout(ctx)
	defer cancel()
	var body io.Reader
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	req, err := http.NewRequestWithContext(ctx, r.Method, r.Path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.Perform(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	if err := answer.Read(into, res, cmp.Or(r.Most, answer.Small)); err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		return nil, NewResponseError(res.StatusCode, into.Bytes())
	}
	return res.Header, nil
}
