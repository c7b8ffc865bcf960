package elastic

import (
	"context"
	"sync"
	"time"

	"humpty/sinks/elastic/transport"
)

// probe is how long after an outage nothing may happen yet.
const probe = time.Second

// revival lets those who wait for the end of an outage know of its end by the first answer to
// one of them: they would come back up to three seconds after each other. One at a time asks
// often, the others hardly at all: a server that comes back shall not find a crowd at its door.
type revival struct {
	mu    sync.Mutex
	asked bool          // one of them is to ask soon
	told  chan struct{} // closed by the next answer; nil: nobody waits
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

// next is what to wait for, and whether the caller is the one who asks soon.
func (r *revival) next() (told <-chan struct{}, asks bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.told == nil {
		r.told = make(chan struct{})
	}
	asks = !r.asked
	r.asked = true
	return r.told, asks
}

func (r *revival) asks() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.asked = false
}

// wait pauses for d, but no longer than until somebody has an answer. It pauses a little in
// any case: one node of several may go on refusing while others answer.
func (r *revival) wait(ctx context.Context, d time.Duration) error {
	told, asks := r.next()
	if asks {
		defer r.asks()
		d = min(d, probe)
	}
	if err := transport.Wait(ctx, min(d, transport.FirstWait)); err != nil {
		return err
	}
	timer := time.NewTimer(max(0, d-transport.FirstWait))
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
