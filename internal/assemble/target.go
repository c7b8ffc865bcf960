package assemble

import (
	"context"
	"time"

	"humpty/internal/config"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/ndjson"
	"humpty/sinks/null"
)

// Target connects to the target of a projection. waiting gets why a write waits;
// it may be nil.
func Target(ctx context.Context, c *config.Config, p config.Projection, waiting func(string)) (sinks.Target, error) {
	t := c.Target(p.Target)
	switch t.Kind {
	case "elasticsearch", "opensearch":
		s := t.Search
		return elastic.Dial(ctx, elastic.Config{
			Addresses: s.Addresses, Alias: p.Alias,
			Credentials: elastic.Credentials{Username: s.Username, Password: s.Password.Reveal(), APIKey: s.APIKey.Reveal(), Bearer: s.Bearer.Reveal()},
			TLS:         elastic.TLS{CA: s.CA, Cert: s.Cert, Key: s.Key}, Proxy: s.Proxy,
			ClusterUUID: s.ClusterUUID, Gzip: s.Gzip,
			Load:        elastic.Loading{Nodes: p.Load.Nodes, MaxSegments: p.Load.MaxSegments},
			Connections: max(16, 2*p.Limits.Writers), Waiting: waiting, UnassignedTimeout: max(p.Limits.MaxOutage, time.Second),
		})
	case "ndjson":
		return ndjson.New(t.Dir, p.Alias)
	default:
		return null.New(p.Alias), nil
	}
}
