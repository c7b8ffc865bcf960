package sources

import "context"

// Counter is what a View can do beside: say how many records reading everything would
// give, without reading it.
type Counter interface {
	// Count is exact, as of the view's moment.
	Count(ctx context.Context) (int64, error)
}
