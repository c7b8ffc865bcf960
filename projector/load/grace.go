package load

import (
	"context"
	"time"
)

// gracePeriod is how long what was read may still be written when a run is stopped, or its
// source has failed.
const gracePeriod = 10 * time.Second

// withGracePeriod is ctx, but ends a while after it.
func withGracePeriod(ctx context.Context) (longer context.Context, release func()) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(gracePeriod)
		defer timer.Stop()
		select {
		case <-timer.C:
			cancel(context.Cause(ctx))
		case <-longer.Done():
		}
	})
	return longer, func() {
		stop()
		cancel(context.Canceled)
	}
}

// mergeCancel is ctx, but ends with the other, too.
func mergeCancel(ctx, other context.Context) (both context.Context, release func()) {
	both, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(other, func() { cancel(context.Cause(other)) })
	return both, func() {
		stop()
		cancel(context.Canceled)
	}
}
