package bulk

import (
	"context"
	"sync"
	"time"

	"humpty/sinks/elastic/transport"
)

// probeInterval is how often one of those who wait asks.
const probeInterval = time.Second

// recoveryGate lets those who wait for the end of an outage know of its end by the first answer to
// one of them: they would come back up to three seconds after each other. One at a time asks
// often, the others hardly at all: a server that comes back shall not find a crowd at its door.
type recoveryGate struct {
	mu        sync.Mutex
	probing   bool          // one of them is to ask soon
	recovered chan struct{} // closed by the next answer; nil: nobody waits
}

// answered is called when a request had its verdicts.
func (g *recoveryGate) answered() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.recovered != nil {
		close(g.recovered)
		g.recovered = nil
	}
}

// enter is what to wait for, and whether the caller is the one who asks soon.
func (g *recoveryGate) enter() (recovered <-chan struct{}, probes bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.recovered == nil {
		g.recovered = make(chan struct{})
	}
	probes = !g.probing
	g.probing = true
	return g.recovered, probes
}

// leave lets another one ask.
func (g *recoveryGate) leave() {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.probing = false
}

// wait pauses for d, but no longer than until somebody has an answer. It pauses a little in
// any case: one node of several may go on refusing while others answer.
func (g *recoveryGate) wait(ctx context.Context, d time.Duration) error {
	recovered, probes := g.enter()
	if probes {
		defer g.leave()
		d = min(d, probeInterval)
	}
	if err := transport.Wait(ctx, min(d, transport.FirstWait)); err != nil {
		return err
	}
	timer := time.NewTimer(max(0, d-transport.FirstWait))
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-recovered:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
