package pace

import (
	"context"
	"sync"
	"time"

	"humpty/internal/wait"
)

// Limiter holds the bytes that are sent in a second under a limit, over all who share it.
// There are two limits, the user's and the brake's; the lower one counts. All methods are
// safe for concurrent use; the nil Limiter lets everything pass.
type Limiter struct {
	most float64 // bytes/s, the user's; 0: none

	mu         sync.Mutex
	held       float64   // bytes/s, the brake's; 0: none
	balance    float64   // bytes that may go now; below 0 they are owed
	at         time.Time // of the balance
	idleCredit float64   // bytes that could have gone and never did, beyond what may be saved up
	claimed    float64   // up to which of these have been given to bytes that were booked late
}

// burst is for how long bytes that were not sent may be saved up.
const burst = 250 * time.Millisecond

// NewLimiter holds to so many bytes a second; 0: to no limit of the user's.
func NewLimiter(most int64) *Limiter { return &Limiter{most: float64(most), at: time.Now()} }

// rate is the limit in force, 0 for none; mu is held.
func (l *Limiter) rate() float64 {
	if l.held > 0 && (l.most == 0 || l.held < l.most) {
		return l.held
	}
	return l.most
}

// Wait waits until n bytes may be sent.
func (l *Limiter) Wait(ctx context.Context, n int) error {
	d := l.reserve(n)
	if d <= 0 {
		return nil
	}
	return wait.For(ctx, d)
}

// reserve books n bytes, and returns how long to wait before they may be sent.
func (l *Limiter) reserve(n int) time.Duration {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	rate := l.accrue()
	if rate == 0 {
		return 0
	}
	l.balance -= float64(n)
	return time.Duration(-l.balance / rate * float64(time.Second))
}

// accrue brings the balance up to now, and returns the limit in force; mu is held.
func (l *Limiter) accrue() float64 {
	rate := l.rate()
	if rate == 0 {
		return 0
	}
	now := time.Now()
	earned := l.balance + rate*now.Sub(l.at).Seconds()
	l.balance = min(earned, rate*burst.Seconds())
	l.idleCredit += earned - l.balance
	l.at = now
	return rate
}

// IdleCredit is to be handed to Reconcile for what is sent from now on.
func (l *Limiter) IdleCredit() float64 {
	if l == nil {
		return 0
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.accrue()
	return l.idleCredit
}

// Reconcile books n bytes that were sent since an IdleCredit beyond what was asked for. What could have
// gone in that time and did not pays for them first: a target that was away owes nothing for
// what it was sent in vain meanwhile. Later ones wait for the rest.
func (l *Limiter) Reconcile(n int, since float64) {
	if l == nil || n <= 0 {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.accrue() == 0 {
		return
	}
	from := max(since, l.claimed)
	paid := min(float64(n), l.idleCredit-from)
	l.claimed = from + paid
	l.balance -= float64(n) - paid
}

// Hold sets the brake's limit, in bytes/s; 0 lifts it.
func (l *Limiter) Hold(rate float64) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.accrue() == 0 {
		l.balance, l.at = 0, time.Now() // nothing was booked so far
	}
	l.held = rate
}

// Held is the brake's limit, 0 for none.
func (l *Limiter) Held() float64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held
}
