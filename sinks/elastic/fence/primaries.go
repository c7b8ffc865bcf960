package fence

import (
	"context"
	"fmt"
	"net/http"
	"slices"
	"strings"

	"humpty/sinks/elastic/transport"
)

// Primaries implements sinks.WriterFence: the term of each primary, which grows when it is made
// again, and the id of its allocation, which is another one where it was moved.
func (f *Fence) Primaries(ctx context.Context) (string, error) {
	var a struct {
		Metadata struct {
			Indices map[string]struct {
				Terms map[string]int64 `json:"primary_terms"`
			} `json:"indices"`
		} `json:"metadata"`
		Routing struct {
			Indices map[string]struct {
				Shards map[string][]struct {
					Primary    bool `json:"primary"`
					Allocation struct {
						ID string `json:"id"`
					} `json:"allocation_id"`
				} `json:"shards"`
			} `json:"indices"`
		} `json:"routing_table"`
	}
	path := "/_cluster/state/metadata,routing_table" + f.path +
		"?filter_path=metadata.indices.*.primary_terms,routing_table.indices.*.shards.*.primary,routing_table.indices.*.shards.*.allocation_id.id"
	if err := f.client.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: transport.DefaultRetry}, &a); err != nil {
		return "", f.client.Explain("look where the primaries of index "+f.index+" are", err)
	}
	var all []string
	for shard, copies := range a.Routing.Indices[f.index].Shards {
		for _, c := range copies {
			if c.Primary {
				all = append(all, fmt.Sprintf("%s/%d/%s", shard, a.Metadata.Indices[f.index].Terms[shard], c.Allocation.ID))
			}
		}
	}
	if len(all) == 0 { // nothing is not the same as nothing before
		return "", fmt.Errorf("look where the primaries of index %s are: the answer names none", f.index)
	}
	slices.Sort(all)
	return strings.Join(all, " "), nil
}
