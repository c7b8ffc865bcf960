package projector

import (
	"context"
	"sync"
	"time"

	"humpty/internal/wait"
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
	missed  float64   // bytes that could have gone and never did, beyond what may be saved up
	claimed float64   // up to which of these have been given to bytes that were booked late
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
	return wait.For(ctx, d)
}

// owe books n bytes, and returns how long to wait before they may be sent.
func (t *throttle) owe(n int) time.Duration {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	rate := t.accrue()
	if rate == 0 {
		return 0
	}
	t.balance -= float64(n)
	return time.Duration(-t.balance / rate * float64(time.Second))
}

// accrue brings the balance up to now, and returns the limit in force; mu is held.
func (t *throttle) accrue() float64 {
	rate := t.rate()
	if rate == 0 {
		return 0
	}
	now := time.Now()
	earned := t.balance + rate*now.Sub(t.at).Seconds()
	t.balance = min(earned, rate*burst.Seconds())
	t.missed += earned - t.balance
	t.at = now
	return rate
}

// mark is to be handed to late for what is sent from now on.
func (t *throttle) mark() float64 {
	if t == nil {
		return 0
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.accrue()
	return t.missed
}

// late books n bytes that were sent since a mark beyond what was asked for. What could have
// gone in that time and did not pays for them first: a target that was away owes nothing for
// what it was sent in vain meanwhile. Later ones wait for the rest.
func (t *throttle) late(n int, since float64) {
	if t == nil || n <= 0 {
		return
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.accrue() == 0 {
		return
	}
	from := max(since, t.claimed)
	paid := min(float64(n), t.missed-from)
	t.claimed = from + paid
	t.balance -= float64(n) - paid
}

// hold sets the brake's limit, in bytes/s; 0 lifts it.
func (t *throttle) hold(rate float64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.accrue() == 0 {
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
