package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/elastic/go-elasticsearch/v8"
)

const blockType = "cluster_block_exception"

// client speaks to one cluster.
type client struct {
	cfg       Config
	transport *elasticsearch.BaseClient
	addresses string // for messages
	product   product
	version   string
	uuid      string
}

func newClient(cfg Config) (*client, error) {
	cfg = cfg.withDefaults()
	if err := cfg.validate(); err != nil {
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
	transport, err := elasticsearch.NewBaseClient(elasticsearch.Config{
		Addresses: addresses, Transport: vouching{rt},
		Username: cfg.Username, Password: cfg.Password, APIKey: cfg.APIKey, ServiceToken: cfg.Bearer,
		Header:             http.Header{"User-Agent": {"humpty"}},
		DisableRetry:       true, // what may be sent again is decided here
		DisableMetaHeader:  true,
		ConnectionPoolFunc: newNodes,
	})
	if err != nil {
		return nil, &Error{Kind: BadConfig, What: "set up the connection to the target", Err: err}
	}
	return &client{cfg: cfg, transport: transport, addresses: strings.Join(cfg.Addresses, ", ")}, nil
}

// request is one call of the server's API.
type request struct {
	method, path string // path with query
	body         []byte // JSON; nil for none
	patience     time.Duration
}

// patient is how long calls beside the bulk go on trying while a run is under way.
const patient = time.Minute

// call makes one request until it has an answer, and decodes that into out if it is 2xx.
// Anything sent through it may take effect twice. Answers that are not 2xx are *refused,
// no answer is an *Error.
func (c *client) call(ctx context.Context, r request, out any) error {
	return c.retry(ctx, r, new(bytes.Buffer), func(body []byte, _ http.Header) error {
		if out == nil {
			return nil
		}
		if err := json.Unmarshal(body, out); err != nil {
			return &refused{Status: http.StatusBadGateway, Reason: "the answer is not what the API gives: " + clip(body)}
		}
		return nil
	})
}

// retry makes one request until use accepts its answer, which is read into answer.
func (c *client) retry(ctx context.Context, r request, answer *bytes.Buffer, use func([]byte, http.Header) error) error {
	var pause backoff
	for {
		header, err := c.once(ctx, r, answer)
		if err == nil {
			err = use(answer.Bytes(), header)
		}
		var no *refused
		switch {
		case err == nil:
			return nil
		case ctx.Err() != nil:
			return ctx.Err()
		case errors.As(err, &no) && !no.passing():
			return no
		}
		d := pause.next()
		if time.Since(pause.since)+d > r.patience {
			return c.unreachable(r, err)
		}
		if waitFor(ctx, d) != nil {
			return ctx.Err()
		}
	}
}

func (c *client) unreachable(r request, err error) error {
	return &Error{
		Kind: Unreachable,
		What: fmt.Sprintf("no answer from %s to %s %s", c.addresses, r.method, r.path),
		Err:  err, Remedy: "is the server up, and is this its address? (target's addresses)",
	}
}

func (c *client) once(ctx context.Context, r request, answer *bytes.Buffer) (http.Header, error) {
	ctx, cancel := context.WithTimeout(ctx, c.cfg.RequestTimeout)
	defer cancel()
	var body io.Reader
	if r.body != nil {
		body = bytes.NewReader(r.body)
	}
	req, err := http.NewRequestWithContext(ctx, r.method, r.path, body)
	if err != nil {
		return nil, err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	res, err := c.transport.Perform(req)
	if err != nil {
		return nil, err
	}
	defer res.Body.Close()
	answer.Reset()
	if _, err := answer.ReadFrom(res.Body); err != nil {
		return nil, err
	}
	if res.StatusCode/100 != 2 {
		return nil, refusal(res.StatusCode, answer.Bytes())
	}
	return res.Header, nil
}

// refusal reads an error answer: the server's own, or whatever a proxy says.
func refusal(status int, body []byte) *refused {
	var a struct {
		Error json.RawMessage `json:"error"`
	}
	r := &refused{Status: status}
	if json.Unmarshal(body, &a) == nil {
		r.Type, r.Reason = causes(a.Error)
	}
	if r.Type == "" {
		r.Reason = clip(body)
	}
	return r
}

// causes joins the reasons of an error object from the outside in.
func causes(raw []byte) (kind, reason string) {
	var e struct {
		Type   string          `json:"type"`
		Reason string          `json:"reason"`
		Cause  json.RawMessage `json:"caused_by"`
	}
	if json.Unmarshal(raw, &e) != nil {
		return "", ""
	}
	if _, inner := causes(e.Cause); inner != "" && !strings.Contains(e.Reason, inner) {
		return e.Type, e.Reason + ": " + inner
	}
	return e.Type, e.Reason
}

// clip shortens an answer for a message.
func clip(body []byte) string {
	const most = 200
	text := strings.Join(strings.Fields(string(body[:min(len(body), most)])), " ")
	if text == "" {
		return "an empty answer"
	}
	if len(body) > most {
		text += "…"
	}
	return text
}
