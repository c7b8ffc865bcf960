package elastic

import (
	"context"
	"sync"
	"time"
)

// revival lets those who wait for the end of an outage know of its end by the first answer to
// one of them: they would come back up to three seconds after each other.
type revival struct {
	mu   sync.Mutex
	told chan struct{} // closed by the next answer; nil: nobody waits
}

// answered is called when a request had its verdicts.
func (r *revival) answered() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told != nil {
		close(r.told)
		r.told = nil
	}
}

func (r *revival) next() <-chan struct{} {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told == nil {
		r.told = make(chan struct{})
	}
	return r.told
}

// wait pauses for d, but no longer than until somebody has an answer. It pauses a little in
// any case: one node of several may go on refusing while others answer.
func (r *revival) wait(ctx context.Context, d time.Duration) error {
	told := r.next()
	if err := wait(ctx, min(d, firstWait)); err != nil {
		return err
	}
	timer := time.NewTimer(max(0, d-firstWait))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-told:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
