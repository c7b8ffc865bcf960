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
	mu      sync.Mutex
	held    sinks.Lease
	changes int64
	lives   bool // its owner is a process that renews it
}

// Take takes the lease if it is as it was seen.
func (l *memoryLease) Take(_ context.Context, seen sinks.Lease, owner sinks.Owner, ttl time.Duration) (sinks.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if seen.Token != l.held.Token {
		return sinks.Lease{}, &sinks.Held{Lease: l.held}
	}
	l.give(owner, ttl)
	l.lives = false
	return l.held, nil
}

func (l *memoryLease) give(owner sinks.Owner, ttl time.Duration) {
	now := time.Now()
	l.held = sinks.Lease{Owner: owner, Fence: l.held.Fence + 1, Epoch: l.held.Epoch, Since: now, Expires: now.Add(ttl)}
	l.changed()
}

func (l *memoryLease) changed() {
	l.changes++
	l.held.Token = strconv.FormatInt(l.changes, 10)
}

// Renew prolongs it for its holder.
func (l *memoryLease) Renew(_ context.Context, have sinks.Lease, ttl time.Duration) (sinks.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if !l.isOf(have) {
		return sinks.Lease{}, &sinks.Held{Lease: l.held}
	}
	l.held.Expires, l.held.Epoch, l.held.Doing = time.Now().Add(ttl), max(l.held.Epoch, have.Epoch), have.Doing
	l.changed()
	return l.held, nil
}

func (l *memoryLease) isOf(have sinks.Lease) bool {
	return have.Fence == l.held.Fence && have.Owner == l.held.Owner
}

// Release ends it for its holder.
func (l *memoryLease) Release(_ context.Context, have sinks.Lease) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.isOf(have) {
		l.held.Expires = time.Time{}
		l.changed()
	}
	return nil
}

// Holder reads it.
func (l *memoryLease) Holder(context.Context) (sinks.Lease, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.lives { // another read of it is behind another renewal
		l.changed()
	}
	return l.held, nil
}

// Steal gives the lease to another process, which lives and renews it.
func (l *memoryLease) Steal(owner sinks.Owner) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.give(owner, time.Hour)
	l.lives = true
}
