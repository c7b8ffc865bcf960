package strain

import (
	"context"
	"time"
)

// Gauge is what a Target can do beside: say how the cluster bears a load. Both are cheap
// enough to be asked several times a second while the load runs.
type Gauge interface {
	// Latency times one cheap search through the alias, from the call to the answer; 0 if
	// the alias serves nothing. A search that the cluster refuses because it is full, or
	// does not answer in time, has a latency too: the longest.
	Latency(ctx context.Context) (time.Duration, error)

	// Pressure is how much of what a node may hold of writes under way is taken, 0 to 1,
	// on the node where that is most.
	Pressure(ctx context.Context) (float64, error)
}
