package elastic

import (
	"context"
	"encoding/json"
	"net/http"

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

// allocated asks about the primary of a shard, or one of its copies: one without a node, if
// there is such.
func (c *cluster) allocated(ctx context.Context, name string, shard int, primary bool) (allocation, error) {
	var a allocation
	body, err := json.Marshal(map[string]any{"index": name, "shard": shard, "primary": primary})
	if err == nil {
		err = c.Call(ctx, transport.Request{Method: http.MethodPost, Path: "/_cluster/allocation/explain", Body: body, RetryFor: transport.DefaultRetry}, &a)
	}
	return a, err
}

// why is the first reason of a node's, or else the cluster's. That a node has a copy already
// does not say why the others get none.
func (a allocation) why() string {
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
	a, err := c.allocated(ctx, name, shard, true)
	if err != nil {
		return "the reason could not be read: " + err.Error()
	}
	return a.why()
}

// unassignable is why the copies without a node will not get one as things are; empty if one of
// them will, or if that is not known.
func (x *index) unassignable(ctx context.Context) string {
	why := ""
	for shard := range x.shards {
		a, err := x.allocated(ctx, x.name, shard, false)
		switch {
		case err != nil, a.State == "unassigned" && a.Can != "no":
			return ""
		case a.State == "unassigned":
			why = a.why()
		}
	}
	return why
}
