package transport

import (
	"context"
	"math/rand/v2"
	"time"

	"humpty/internal/wait"
)

// Backoff waits longer each time, with jitter so that writers do not come back together.
type Backoff struct {
	Tries int
	Since time.Time // the first try
}

// FirstWait is the shortest that a Backoff waits.
const FirstWait = 50 * time.Millisecond

const longestWait = 3 * time.Second

// Next is how long to wait now.
func (b *Backoff) Next() time.Duration {
	if b.Tries == 0 {
		b.Since = time.Now()
	}
	full := min(FirstWait<<min(b.Tries, 16), longestWait)
	b.Tries++
	return full/2 + rand.N(full/2+1)
}

// Wait pauses for d, or until the context ends.
func Wait(ctx context.Context, d time.Duration) error {
	if wait.For(ctx, d) != nil {
		return ctx.Err()
	}
	return nil
}
