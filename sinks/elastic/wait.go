package elastic

import (
	"context"
	"math/rand/v2"
	"time"

	"humpty/internal/wait"
)

// backoff waits longer each time, with jitter so that writers do not come back together.
type backoff struct {
	tries int
	since time.Time // of the first
}

const (
	firstWait = 50 * time.Millisecond
	lastWait  = 3 * time.Second
)

// next is how long to wait now.
func (b *backoff) next() time.Duration {
	if b.tries == 0 {
		b.since = time.Now()
	}
	full := min(firstWait<<min(b.tries, 16), lastWait)
	b.tries++
	return full/2 + rand.N(full/2+1)
}

// waitFor pauses for d, or until the context ends.
func waitFor(ctx context.Context, d time.Duration) error {
	if wait.For(ctx, d) != nil {
		return ctx.Err()
	}
	return nil
}
