package read

import (
	"context"
	"sync"
	"time"

	"humpty/internal/wait"
)

// Throttle spreads the reading of partitions over time, whatever the number of readers:
// what a page took is paid with waiting before the next page of any reader.
type Throttle struct {
	rows, bytes float64 // a second; 0: no limit

	mu   sync.Mutex
	paid time.Time // when everything taken so far is paid
}

// PagesPerSecond is about what a reader reads that is slowed down.
const PagesPerSecond = 4

// NewThrottle limits what is read in a second; 0: no limit.
func NewThrottle(rows, bytes int64) *Throttle {
	return &Throttle{rows: float64(rows), bytes: float64(bytes)}
}

// charge books what was read.
func (t *Throttle) charge(rows, bytes int64) {
	var seconds float64
	if t.rows > 0 {
		seconds = float64(rows) / t.rows
	}
	if t.bytes > 0 {
		seconds = max(seconds, float64(bytes)/t.bytes)
	}
	if seconds == 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if now := time.Now(); t.paid.Before(now) {
		t.paid = now
	}
	t.paid = t.paid.Add(time.Duration(seconds * float64(time.Second)))
}

// wait returns when what was taken is paid, or ctx ends.
func (t *Throttle) wait(ctx context.Context) error {
	for {
		t.mu.Lock()
		paid := t.paid
		t.mu.Unlock()
		left := time.Until(paid)
		if left <= 0 {
			return ctx.Err()
		}
		if err := wait.For(ctx, left); err != nil {
			return err
		}
	}
}

// maxRoots bounds the roots of a page, so that a slow reading is many small pieces and not
// few large ones; each is how many rows a root has with its includes.
func (t *Throttle) maxRoots(each float64) int {
	if t.rows == 0 {
		return maxPageRoots
	}
	return min(maxPageRoots, max(1, int(t.rows/PagesPerSecond/max(each, 1))))
}
