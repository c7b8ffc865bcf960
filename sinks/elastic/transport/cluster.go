package transport

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"time"
)

// Connect finds out who answers, and refuses whom it must not touch.
func (c *Client) Connect(ctx context.Context) error {
	const quick = 2 * time.Second // somebody waits for the message
	var nodes struct {
		Nodes map[string]struct {
			Version string `json:"version"`
		} `json:"nodes"`
	}
	header := ""
	r := Request{Method: http.MethodGet, Path: "/_nodes/_all/http?filter_path=nodes.*.version", RetryFor: quick}
	err := c.Retry(ctx, r, new(bytes.Buffer), func(body []byte, h http.Header) error {
		if h.Get(headerAssumed) == "" {
			header = h.Get(headerProduct)
		}
		return json.Unmarshal(body, &nodes)
	})
	if err != nil {
		return c.Explain("connect to "+c.Addresses, err)
	}
	var versions []string
	for _, n := range nodes.Nodes {
		versions = append(versions, n.Version)
	}
	if len(versions) == 0 {
		return &Error{Kind: Failed, What: c.Addresses + " answers, but not as Elasticsearch or OpenSearch would", Remedy: "is this the address of a node?"}
	}
	c.Version = slices.Min(versions) // while nodes are upgraded, the older ones decide
	if c.Product, err = identify(header, c.Version); err != nil {
		return &Error{Kind: Definition, What: "connect to " + c.Addresses, Err: err, Remedy: "upgrade the cluster"}
	}
	return c.CheckIdentity(ctx)
}

// CheckIdentity reads the cluster's uuid and compares it with the configured one and with the one
// seen before: behind one address there may be another cluster than a minute ago.
func (c *Client) CheckIdentity(ctx context.Context) error {
	var state struct {
		UUID string `json:"cluster_uuid"`
	}
	err := c.Call(ctx, Request{Method: http.MethodGet, Path: "/_cluster/state/version?filter_path=cluster_uuid", RetryFor: DefaultRetry}, &state)
	if err != nil {
		return c.Explain("read the cluster's uuid", err)
	}
	want, whence := c.cfg.ClusterUUID, "cluster_uuid of the target"
	if want == "" {
		want, whence = c.UUID, "cluster met first"
	}
	switch {
	case state.UUID == "" || state.UUID == "_na_":
		return &Error{Kind: Failed, What: "the cluster at " + c.Addresses + " has no uuid yet: it has not elected a master"}
	case want != "" && state.UUID != want:
		return Guardf("if this cluster is the right one, set cluster_uuid: "+state.UUID,
			"the cluster at %s is %s, not %s (%s): nothing was touched", c.Addresses, state.UUID, want, whence)
	}
	if c.UUID == "" {
		c.UUID = state.UUID
	}
	return nil
}

// Acknowledgement is the answer to changes of the cluster's state.
type Acknowledgement struct {
	Acknowledged bool `json:"acknowledged"`
	Errors       bool `json:"errors"`
}

// Change makes a call that the cluster must acknowledge.
func (c *Client) Change(ctx context.Context, method, path string, body []byte) error {
	var a Acknowledgement
	if err := c.Call(ctx, Request{Method: method, Path: path, Body: body, RetryFor: DefaultRetry}, &a); err != nil {
		return err
	}
	if !a.Acknowledged || a.Errors {
		return &ResponseError{Status: http.StatusOK, Type: unacknowledged, Reason: "not every node has confirmed the change in time: it may still happen"}
	}
	return nil
}

// ackAttempts is how often MustAck makes its call.
const ackAttempts = 3

// MustAck is Change for what may as well be asked for twice: when a node is too slow to
// confirm it, it is asked for again.
func (c *Client) MustAck(ctx context.Context, method, path string, body []byte) (err error) {
	for range ackAttempts {
		err = c.Change(ctx, method, path, body)
		var no *ResponseError
		if !errors.As(err, &no) || no.Type != unacknowledged {
			return err
		}
	}
	return err
}

// unacknowledged is the type of a change that not every node has confirmed.
const unacknowledged = "not_acknowledged"

// Get reads something; found is false for a 404.
func (c *Client) Get(ctx context.Context, path string, out any) (found bool, err error) {
	err = c.Call(ctx, Request{Method: http.MethodGet, Path: path, RetryFor: DefaultRetry}, out)
	var no *ResponseError
	if errors.As(err, &no) && no.Status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

// Explain makes the error of a call that failed for good out of its answer.
func (c *Client) Explain(what string, err error) error {
	var r *ResponseError
	if !errors.As(err, &r) {
		return err
	}
	e := &Error{Kind: Failed, What: what, Err: r}
	switch r.Status {
	case http.StatusUnauthorized:
		e.Kind = Rights
		e.What += ": " + c.Addresses + " does not accept the credentials"
		e.Remedy = "check username and password, api_key or bearer of the target (is the key expired or revoked?)"
	case http.StatusForbidden:
		if r.Type != BlockException {
			e.Kind, e.Remedy = Rights, c.cfg.RightsRemedy
		}
	case http.StatusBadRequest:
		e.Kind = Definition
	}
	return e
}
