package wait

import (
	"context"
	"time"
)

// Backoff waits a little longer each time, up to a bound of the whole.
type Backoff struct {
	Most, Next, Longest time.Duration
	Began               time.Time
}

// NewBackoff waits a millisecond first, and a quarter of a second at last.
func NewBackoff(most time.Duration) *Backoff {
	return &Backoff{Most: most, Next: time.Millisecond, Longest: 250 * time.Millisecond, Began: time.Now()}
}

// Wait says whether the bound is over.
func (b *Backoff) Wait(ctx context.Context) (over bool, err error) {
	if time.Since(b.Began) > b.Most {
		return true, nil
	}
	timer := time.NewTimer(b.Next)
	defer timer.Stop()
	b.Next = min(2*b.Next, b.Longest)
	select {
	case <-timer.C:
		return false, nil
	case <-ctx.Done():
		return false, context.Cause(ctx)
	}
}
