package elastic

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"humpty/sinks/elastic/transport"
)

// allocation is what the cluster says of the place of one copy of a shard.
type allocation struct {
	State string `json:"current_state"`
	Can   string `json:"can_allocate"`
	Why   string `json:"allocate_explanation"`
	Nodes []struct {
		Deciders []struct {
			Name string `json:"decider"`
			Why  string `json:"explanation"`
		} `json:"deciders"`
	} `json:"node_allocation_decisions"`
}

// allocationOf asks about the primary of a shard, or one of its copies: one without a node, if
// there is such.
func (c *cluster) allocationOf(ctx context.Context, name string, shard int, primary bool) (allocation, error) {
	var a allocation
	body, err := json.Marshal(map[string]any{"index": name, "shard": shard, "primary": primary})
	if err == nil {
		err = c.Call(ctx, transport.Request{Method: http.MethodPost, Path: "/_cluster/allocation/explain", Body: body, RetryFor: transport.DefaultRetry}, &a)
	}
	return a, err
}

// reason is the first reason of a node's, or else the cluster's. That a node has a copy already
// does not say why the others get none.
func (a allocation) reason() string {
	why := a.Why
	for _, n := range a.Nodes {
		for _, d := range n.Deciders {
			if d.Name != "same_shard" {
				return d.Why
			}
			why = d.Why
		}
	}
	return why
}

// whyUnassigned is the cluster's own explanation, for messages.
func (c *cluster) whyUnassigned(ctx context.Context, name string, shard int) string {
	a, err := c.allocationOf(ctx, name, shard, true)
	if err != nil {
		return "the reason could not be read: " + err.Error()
	}
	return a.reason()
}

// unassignable is why the copies without a node will not get one as things are; empty if one of
// them will, or if that is not known.
func (x *indexRef) unassignable(ctx context.Context) string {
	why := ""
	for shard := range x.shards {
		a, err := x.allocationOf(ctx, x.name, shard, false)
		switch {
		case err != nil, a.State == "unassigned" && a.Can != "no":
			return ""
		case a.State == "unassigned":
			why = a.reason()
		}
	}
	return why
}

// unassigned is an error if shards of the index have no node now, which is so since a moment at
// most: without a copy elsewhere nobody but the lost node can bring them back. It is nil as
// long as the cluster cannot be asked: an outage of all of it is waited for elsewhere.
func (x *indexRef) unassigned(ctx context.Context, since time.Time) error {
	path := "/_cat/shards" + x.path + "?format=json&h=shard,prirep,state,unassigned.reason"
	type row struct {
		Shard  string `json:"shard"`
		Kind   string `json:"prirep"`
		State  string `json:"state"`
		Reason string `json:"unassigned.reason"`
	}
	var lost []row
	if x.Call(ctx, transport.Request{Method: http.MethodGet, Path: path}, &lost) != nil {
		return nil //nolint:nilerr // as said
	}
	lost = slices.DeleteFunc(lost, func(r row) bool { return r.Kind != "p" || r.State != "UNASSIGNED" })
	if len(lost) == 0 {
		return nil
	}
	number, err := strconv.Atoi(lost[0].Shard)
	if err != nil {
		return nil //nolint:nilerr // not an answer of the API
	}
	return &Error{
		Kind: Failed,
		What: fmt.Sprintf("%d of %d shards of index %s have had no node for %s (shard %d: %s): %s",
			len(lost), x.shards, x.name, time.Since(since).Round(time.Second), number, lost[0].Reason, x.whyUnassigned(ctx, x.name, number)),
		Remedy: "start the lost node again, then begin a new rebuild; while it loads an index has no copies. The alias is as it was",
	}
}
