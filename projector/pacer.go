package projector

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"humpty/projector/report"
	"humpty/sinks"
)

// pacer decides how many bulk requests are in flight, and how large they are, from what
// the target shows: it adds one request as long as that pays, takes one away if that
// costs nothing, takes a quarter away when the target says it is full, and tries again
// after a while, since targets change.
// A number at which the target was full is not tried again before so many requests were
// answered that the refusals are one in two hundred of them, and fewer if it was full again.
//
// It is the additive increase and multiplicative decrease of TCP, with throughput as the
// signal to grow and 429 as the signal to shrink. All methods are safe for concurrent use.
type pacer struct {
	began time.Time
	phase report.Phase
	slots chan struct{} // one for each request that may start
	most  int
	count func() int64 // refusals so far; nil: only receipts tell of them

	mu        sync.Mutex
	limit     int // requests in flight allowed
	ceiling   int // most of them now: the brake's
	debt      int // slots to be swallowed when they come back
	batch     int // bytes of a request
	largest   int // that it may have
	window    window
	tried     int     // the limit before the running trial; 0: none is running
	rate      float64 // bytes/s at `tried`
	down      bool    // the next trial is with one less
	rest      int     // windows to leave things as they are
	wall      int     // requests at which the target was full; 0: it never was
	owed      int     // requests to be answered before so many are tried again
	counted   int64   // refusals so far
	full      int     // how often in a row the target was full
	bytes     int64   // sent so far
	last      string  // the newest decision
	decisions []Decision
}

// window is what was seen since the last decision.
type window struct {
	since     time.Time
	bytes     int64
	writes    int
	throttled int
	broken    int           // of the writes, those that were sent again because there was no answer
	took      time.Duration // sum over writes
	starved   time.Duration // sum of waiting for the source
}

// Decision is one change of pace, for the run's record.
type Decision struct {
	Phase    report.Phase `json:"phase,omitempty"` // load; catch-up: that and all that follows
	Second   float64      `json:"second"`          // since the phase began
	Requests int          `json:"requests"`        // in flight from now on
	Batch    int          `json:"batch,omitempty"` // bytes of a request from now on, while loading
	Why      string       `json:"why"`
}

const (
	windowTime    = time.Second // how long a limit is watched
	windowLeast   = 8           // and how many writes at least, for each request in flight
	worthwhile    = 1.03        // growth of throughput that pays for one more request
	restAfter     = 8           // windows of rest after a trial that did not pay
	refusalPrice  = 200         // requests to be answered for each that was refused
	owedMost      = 5000        // requests: targets change
	batchLeast    = 256 << 10
	slow          = 2 * time.Second // a request slower than this is too large
	decisionsKept = 200
)

func newPacer(start, most, batch int) *pacer {
	p := &pacer{began: time.Now(), slots: make(chan struct{}, most), most: most, ceiling: most, limit: min(start, most), batch: batch, largest: batch}
	for range p.limit {
		p.slots <- struct{}{}
	}
	p.window.since = p.began
	return p
}

// admit waits until one more request may be in flight, and returns how many may be then.
// Each admit without an error is followed by one done or idle.
func (p *pacer) admit(ctx context.Context) (allowed int, err error) {
	select {
	case <-p.slots:
		return p.allowed(), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// idle gives a slot back that was not used.
func (p *pacer) idle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBack()
}

// done gives a slot back, and books what the request showed, how long it had waited for
// the source, and how many requests were allowed when it was admitted.
func (p *pacer) done(r sinks.Receipt, starved time.Duration, allowed int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBack()
	w := &p.window
	p.bytes += r.Bytes
	w.bytes += r.Bytes
	w.writes++
	p.owed = max(0, p.owed-1)
	p.refusals(r, allowed)
	if r.Retries > r.Throttled {
		w.broken++
	}
	w.took += r.Took
	w.starved += starved
	elapsed := time.Since(w.since)
	if elapsed >= windowTime && w.writes >= windowLeast*p.limit {
		p.decide(elapsed)
		p.window = window{since: time.Now()}
	}
}

// refusals books what the target refused since the last look. Where requests can be counted
// that still have no receipt, refusals count at the number of requests allowed now, once
// there are no more under way than that.
func (p *pacer) refusals(r sinks.Receipt, allowed int) {
	times := r.Throttled
	if p.count != nil {
		so := p.count()
		times, p.counted = int(so-p.counted), so
		allowed = p.limit
		if p.debt > 0 {
			allowed++
		}
	}
	if times > 0 {
		p.window.throttled += times
		p.refused(times, allowed)
	}
}

func (p *pacer) giveBack() {
	if p.debt > 0 {
		p.debt--
		return
	}
	p.slots <- struct{}{}
}

func (p *pacer) decide(elapsed time.Duration) {
	w := p.window
	rate := float64(w.bytes) / elapsed.Seconds()
	mean := w.took / time.Duration(w.writes)
	if w.throttled == 0 && p.wall > 0 && p.limit >= p.wall {
		p.wall, p.full = p.limit+1, max(0, p.full-1) // there is room again
	}
	switch {
	case w.throttled > 0: // refused has seen to it; such a window says nothing about throughput
	case w.broken > 0: // nor does an outage: what waited for its end was not slow
		p.tried = 0
	case mean > slow && p.batch > batchLeast:
		p.batch = max(batchLeast, p.batch/2)
		p.note(fmt.Sprintf("a request took %.1f s: smaller ones", mean.Seconds()))
	case mean < slow/4 && p.batch < p.largest:
		p.batch = min(p.largest, p.batch*2)
		p.note(fmt.Sprintf("a request took %d ms: larger ones", mean.Milliseconds()))
	case w.starved > w.took:
		p.tried = 0 // the source is slower than the target: nothing to learn about the target
	case p.tried > 0 && !p.paid(rate):
		p.rest, p.down = restAfter, !p.down
		p.set(p.tried, fmt.Sprintf("%.1f MB/s with %d, %.1f with %d: not better", p.rate/1e6, p.tried, rate/1e6, p.limit))
		p.tried = 0
	case p.rest > 0:
		p.rest--
	default:
		p.try(rate)
	}
}

// refused goes down from the number of requests that was too many. What comes late from
// before that is the same refusal.
func (p *pacer) refused(times, allowed int) {
	if p.limit >= allowed {
		down := max(1, allowed*3/4)
		if p.tried > 0 && p.tried < allowed {
			down = max(down, p.tried)
		}
		p.wall, p.owed = allowed, 0
		p.full++
		p.set(down, fmt.Sprintf("refused %d times with %d in flight: the target is full", times, allowed))
	}
	p.owed = min(p.owed+times*refusalPrice<<min(max(p.full-1, 0), 3), owedMost)
	p.tried, p.rest = 0, restAfter
}

// paid reports whether the running trial was worth it: one more request must bring
// something, one less must cost nothing.
func (p *pacer) paid(rate float64) bool {
	if p.limit > p.tried {
		return rate >= p.rate*worthwhile
	}
	return rate*worthwhile >= p.rate
}

// try changes the limit by one, for a window.
func (p *pacer) try(rate float64) {
	next := p.limit + 1
	if p.down {
		next = p.limit - 1
	}
	if next < 1 || next > p.ceiling || p.owed > 0 && next >= p.wall && !p.down {
		p.tried, p.rest, p.down = 0, restAfter, !p.down
		return
	}
	p.tried, p.rate = p.limit, rate
	p.set(next, fmt.Sprintf("%.1f MB/s with %d: try %d", rate/1e6, p.limit, next))
}

func (p *pacer) set(limit int, why string) {
	for ; p.limit < limit; p.limit++ {
		p.giveBack()
	}
	for ; p.limit > limit; p.limit-- {
		select {
		case <-p.slots: // nobody has it
		default:
			p.debt++
		}
	}
	p.note(why)
}

func (p *pacer) note(why string) {
	p.last = fmt.Sprintf("%d requests at once: %s", p.limit, why)
	if len(p.decisions) < decisionsKept {
		p.decisions = append(p.decisions, Decision{
			Phase: p.phase, Second: time.Since(p.began).Seconds(), Requests: p.limit, Batch: p.batch, Why: why,
		})
	}
}

// gait is what a load has come to.
type gait struct {
	requests int // in flight
	batch    int // bytes of one
}

func (p *pacer) gait() gait {
	p.mu.Lock()
	defer p.mu.Unlock()
	return gait{requests: p.limit, batch: p.batch}
}

// batchSize is how large the next request should be, in bytes.
func (p *pacer) batchSize() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.batch
}

// allowed is how many requests may be in flight now.
func (p *pacer) allowed() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.limit
}

// made returns the decisions so far.
func (p *pacer) made() []Decision {
	p.mu.Lock()
	defer p.mu.Unlock()
	return slices.Clone(p.decisions)
}
