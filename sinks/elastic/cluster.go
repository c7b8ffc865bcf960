package elastic

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"time"
)

// connect finds out who answers, and refuses whom it must not touch.
func (c *client) connect(ctx context.Context) error {
	const quick = 2 * time.Second // somebody waits for the message
	var nodes struct {
		Nodes map[string]struct {
			Version string `json:"version"`
		} `json:"nodes"`
	}
	header := ""
	r := request{method: http.MethodGet, path: "/_nodes/_all/http?filter_path=nodes.*.version", patience: quick}
	err := c.retry(ctx, r, new(bytes.Buffer), func(body []byte, h http.Header) error {
		if h.Get(vouchedHeader) == "" {
			header = h.Get(productHeader)
		}
		return json.Unmarshal(body, &nodes)
	})
	if err != nil {
		return c.explain("connect to "+c.addresses, err)
	}
	var versions []string
	for _, n := range nodes.Nodes {
		versions = append(versions, n.Version)
	}
	if len(versions) == 0 {
		return &Error{Kind: Failed, What: c.addresses + " answers, but not as Elasticsearch or OpenSearch would", Remedy: "is this the address of a node?"}
	}
	c.version = slices.Min(versions) // while nodes are upgraded, the older ones decide
	if c.product, err = identify(header, c.version); err != nil {
		return &Error{Kind: Definition, What: "connect to " + c.addresses, Err: err, Remedy: "upgrade the cluster"}
	}
	return c.pin(ctx)
}

// pin reads the cluster's uuid and compares it with the configured one and with the one
// seen before: behind one address there may be another cluster than a minute ago.
func (c *client) pin(ctx context.Context) error {
	var state struct {
		UUID string `json:"cluster_uuid"`
	}
	err := c.call(ctx, request{method: http.MethodGet, path: "/_cluster/state/version?filter_path=cluster_uuid", patience: patient}, &state)
	if err != nil {
		return c.explain("read the cluster's uuid", err)
	}
	want, whence := c.cfg.ClusterUUID, "cluster_uuid of the target"
	if want == "" {
		want, whence = c.uuid, "cluster met first"
	}
	switch {
	case state.UUID == "" || state.UUID == "_na_":
		return &Error{Kind: Failed, What: "the cluster at " + c.addresses + " has no uuid yet: it has not elected a master"}
	case want != "" && state.UUID != want:
		return guard("if this cluster is the right one, set cluster_uuid: "+state.UUID,
			"the cluster at %s is %s, not %s (%s): nothing was touched", c.addresses, state.UUID, want, whence)
	}
	if c.uuid == "" {
		c.uuid = state.UUID
	}
	return nil
}

// acknowledged is the answer to changes of the cluster's state.
type acknowledged struct {
	Acknowledged bool `json:"acknowledged"`
	Errors       bool `json:"errors"`
}

// change makes a call that the cluster must acknowledge.
func (c *client) change(ctx context.Context, method, path string, body []byte) error {
	var a acknowledged
	if err := c.call(ctx, request{method: method, path: path, body: body, patience: patient}, &a); err != nil {
		return err
	}
	if !a.Acknowledged || a.Errors {
		return &refused{Status: http.StatusOK, Type: unconfirmed, Reason: "not every node has confirmed the change in time: it may still happen"}
	}
	return nil
}

// asks is how often insist makes its call.
const asks = 3

// insist is change for what may as well be asked for twice: when a node is too slow to
// confirm it, it is asked for again.
func (c *client) insist(ctx context.Context, method, path string, body []byte) (err error) {
	for range asks {
		err = c.change(ctx, method, path, body)
		var no *refused
		if !errors.As(err, &no) || no.Type != unconfirmed {
			return err
		}
	}
	return err
}

// unconfirmed is the type of a change that not every node has confirmed.
const unconfirmed = "not_acknowledged"

// get reads something; found is false for a 404.
func (c *client) get(ctx context.Context, path string, out any) (found bool, err error) {
	err = c.call(ctx, request{method: http.MethodGet, path: path, patience: patient}, out)
	var no *refused
	if errors.As(err, &no) && no.Status == http.StatusNotFound {
		return false, nil
	}
	return err == nil, err
}

func (c *client) failed(what string, args ...any) *Error {
	return &Error{Kind: Failed, What: fmt.Sprintf(what, args...)}
}
