package elastic

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"humpty/sinks/elastic/transport"
)

// loadProbe measures how the cluster bears a load.
type loadProbe struct{ *cluster }

// latencyLimit is how long a search is waited for, and what it counts for then.
const latencyLimit = 10 * time.Second

// SearchLatency times a search for one document through the alias. It goes to every shard, and
// past the request cache, which keeps only answers without documents; another preference
// each time spreads it over the copies.
func (p loadProbe) SearchLatency(ctx context.Context) (time.Duration, error) {
	limited, cancel := context.WithTimeout(ctx, latencyLimit)
	defer cancel()
	start := time.Now()
	path := "/" + url.PathEscape(p.cfg.Alias) + "/_search?request_cache=false&filter_path=took,timed_out&preference=humpty" + strconv.FormatInt(start.UnixNano(), 36)
	_, err := p.Once(limited, transport.Request{Method: http.MethodPost, Path: path, Body: []byte(`{"size":1,"track_total_hits":false}`)}, new(bytes.Buffer))
	took := time.Since(start)
	var no *transport.ResponseError
	switch {
	case err == nil:
		return took, nil
	case ctx.Err() != nil:
		return 0, ctx.Err()
	case limited.Err() != nil, errors.As(err, &no) && no.Retryable():
		return latencyLimit, nil
	case errors.As(err, &no) && no.Status == http.StatusNotFound:
		return 0, nil
	}
	return 0, p.Explain("time a search through "+p.cfg.Alias, err)
}

// IndexingPressure reads the nodes' indexing pressure: bytes of writes that they coordinate or work
// on as primaries, against the limit above which they refuse more.
func (p loadProbe) IndexingPressure(ctx context.Context) (float64, error) {
	var a struct {
		Nodes map[string]struct {
			Pressure struct {
				Memory struct {
					Current struct {
						Bytes float64 `json:"combined_coordinating_and_primary_in_bytes"`
					} `json:"current"`
					Limit float64 `json:"limit_in_bytes"`
				} `json:"memory"`
			} `json:"indexing_pressure"`
		} `json:"nodes"`
	}
	path := "/_nodes/stats/indexing_pressure?filter_path=nodes.*.indexing_pressure.memory.current.combined_coordinating_and_primary_in_bytes,nodes.*.indexing_pressure.memory.limit_in_bytes"
	if err := p.Call(ctx, transport.Request{Method: http.MethodGet, Path: path, RetryFor: latencyLimit}, &a); err != nil {
		return 0, p.Explain("read the nodes' indexing pressure", err)
	}
	most := 0.0
	for _, n := range a.Nodes {
		if m := n.Pressure.Memory; m.Limit > 0 {
			most = max(most, m.Current.Bytes/m.Limit)
		}
	}
	return most, nil
}
