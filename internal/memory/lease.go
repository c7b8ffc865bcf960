package memory

import (
	"context"
	"strconv"
	"time"

	"humpty/sinks"
)

// Acquire takes the lease if nobody has it.
func (t *Target) Acquire(_ context.Context, owner sinks.Owner, ttl time.Duration) (sinks.Lease, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Now().Before(t.lease.Expires) && t.lease.Owner.Run != owner.Run {
		return sinks.Lease{}, &sinks.Held{Lease: t.lease}
	}
	fence := t.lease.Fence + 1
	t.lease = sinks.Lease{Owner: owner, Fence: fence, Expires: time.Now().Add(ttl), Token: strconv.FormatInt(fence, 10)}
	return t.lease, nil
}

// Renew prolongs it for its holder.
func (t *Target) Renew(_ context.Context, l sinks.Lease, ttl time.Duration) (sinks.Lease, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.Token != t.lease.Token {
		return sinks.Lease{}, &sinks.Held{Lease: t.lease}
	}
	t.lease.Expires = time.Now().Add(ttl)
	return t.lease, nil
}

// Release ends it for its holder.
func (t *Target) Release(_ context.Context, l sinks.Lease) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l.Token == t.lease.Token {
		t.lease.Expires = time.Time{}
	}
	return nil
}

// Holder reads it.
func (t *Target) Holder(context.Context) (sinks.Lease, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.lease, nil
}

// Steal gives the lease to somebody else, as if it had run out unnoticed.
func (t *Target) Steal(owner sinks.Owner) {
	t.mu.Lock()
	defer t.mu.Unlock()
	fence := t.lease.Fence + 1
	t.lease = sinks.Lease{Owner: owner, Fence: fence, Expires: time.Now().Add(time.Hour), Token: strconv.FormatInt(fence, 10)}
}
