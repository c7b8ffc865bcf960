package projector

import (
	"context"
	"time"
)

// inFlight is how long what was read may still be written when a run is stopped, or its
// source has failed.
const inFlight = 10 * time.Second

// linger is ctx, but ends a while after it.
func linger(ctx context.Context) (longer context.Context, release func()) {
	longer, cancel := context.WithCancelCause(context.WithoutCancel(ctx))
	stop := context.AfterFunc(ctx, func() {
		timer := time.NewTimer(inFlight)
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

// within is ctx, but ends with the other, too.
func within(ctx, other context.Context) (both context.Context, release func()) {
	both, cancel := context.WithCancelCause(ctx)
	stop := context.AfterFunc(other, func() { cancel(context.Cause(other)) })
	return both, func() {
		stop()
		cancel(context.Canceled)
	}
}
