package projector

import (
	"context"
	"sync"
	"time"

	"humpty/internal/delay"
)

// throttle holds the bytes that are sent in a second under a limit, over all who share it.
// There are two limits, the user's and the brake's; the lower one counts. All methods are
// safe for concurrent use; the nil throttle lets everything pass.
type throttle struct {
	most float64 // bytes/s, the user's; 0: none

	mu      sync.Mutex
	held    float64   // bytes/s, the brake's; 0: none
	balance float64   // bytes that may go now; below 0 they are owed
	at      time.Time // of the balance
}

// burst is for how long bytes that were not sent may be saved up.
const burst = 250 * time.Millisecond

func newThrottle(most int64) *throttle { return &throttle{most: float64(most), at: time.Now()} }

// rate is the limit in force, 0 for none; mu is held.
func (t *throttle) rate() float64 {
	if t.held > 0 && (t.most == 0 || t.held < t.most) {
		return t.held
	}
	return t.most
}

// take waits until n bytes may be sent.
func (t *throttle) take(ctx context.Context, n int) error {
	d := t.owe(n)
	if d <= 0 {
		return nil
	}
	return delay.For(ctx, d)
}

// owe books n bytes, and returns how long to wait before they may be sent. What was sent
// beyond what was asked for is booked so too: later ones wait for it.
func (t *throttle) owe(n int) time.Duration {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rate := t.rate()
	if rate == 0 {
		return 0
	}
	now := time.Now()
	t.balance = min(t.balance+rate*now.Sub(t.at).Seconds(), rate*burst.Seconds())
	t.at = now
	t.balance -= float64(n)
	return time.Duration(-t.balance / rate * float64(time.Second))
}

// hold sets the brake's limit, in bytes/s; 0 lifts it.
func (t *throttle) hold(rate float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.rate() == 0 {
		t.balance, t.at = 0, time.Now() // nothing was booked so far
	}
	t.held = rate
}

// holding is the brake's limit, 0 for none.
func (t *throttle) holding() float64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.held
}
