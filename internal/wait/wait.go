// Package wait waits no longer than its caller may go on.
package wait

import (
	"context"
	"time"
)

// For returns nil after d, or why ctx ended as soon as it does.
func For(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}
