package elastic

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strconv"
	"time"

	"humpty/sinks/elastic/transport"
)

// unassigned is an error if shards of the index have no node now, which is so since a moment at
// most: without a copy elsewhere nobody but the lost node can bring them back. It is nil as
// long as the cluster cannot be asked: an outage of all of it is waited for elsewhere.
func (x *index) unassigned(ctx context.Context, since time.Time) error {
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
