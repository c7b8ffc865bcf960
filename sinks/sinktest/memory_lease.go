package sinktest

import (
	"context"
	"strconv"
	"sync"
	"time"

	"humpty/sinks"
)

// memoryLease keeps one owner.
type memoryLease struct {
	mu   sync.Mutex
	held sinks.Lease
}

// Acquire takes the lease if nobody has it.
func (l *memoryLease) Acquire(_ context.Context, owner sinks.Owner, ttl time.Duration) (sinks.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if time.Now().Before(l.held.Expires) && l.held.Owner.Run != owner.Run {
		return sinks.Lease{}, &sinks.Held{Lease: l.held}
	}
	fence := l.held.Fence + 1
	l.held = sinks.Lease{Owner: owner, Fence: fence, Expires: time.Now().Add(ttl), Token: strconv.FormatInt(fence, 10)}
	return l.held, nil
}

// Renew prolongs it for its holder.
func (l *memoryLease) Renew(_ context.Context, have sinks.Lease, ttl time.Duration) (sinks.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if have.Token != l.held.Token {
		return sinks.Lease{}, &sinks.Held{Lease: l.held}
	}
	l.held.Expires = time.Now().Add(ttl)
	return l.held, nil
}

// Release ends it for its holder.
func (l *memoryLease) Release(_ context.Context, have sinks.Lease) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if have.Token == l.held.Token {
		l.held.Expires = time.Time{}
	}
	return nil
}

// Holder reads it.
func (l *memoryLease) Holder(context.Context) (sinks.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.held, nil
}

// Steal gives the lease to somebody else, as if it had run out unnoticed.
func (l *memoryLease) Steal(owner sinks.Owner) {
	l.mu.Lock()
	defer l.mu.Unlock()
	fence := l.held.Fence + 1
	l.held = sinks.Lease{Owner: owner, Fence: fence, Expires: time.Now().Add(time.Hour), Token: strconv.FormatInt(fence, 10)}
}
