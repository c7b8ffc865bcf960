package projector

import (
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"humpty/sinks"
)

// pacer decides how many bulk requests are in flight, and how large they are, from what
// the target shows: it adds one request as long as that pays, takes one away if that
// costs nothing, takes a quarter away when the target says it is full, and tries again
// after a while, since targets change.
// The more often in a row it was full, the longer it is left alone.
//
// It is the additive increase and multiplicative decrease of TCP, with throughput as the
// signal to grow and 429 as the signal to shrink. All methods are safe for concurrent use.
type pacer struct {
	began time.Time
	slots chan struct{} // one for each request that may start
	most  int

	mu        sync.Mutex
	limit     int // requests in flight allowed
	debt      int // slots to be swallowed when they come back
	batch     int // bytes of a request
	window    window
	tried     int     // the limit before the running trial; 0: none is running
	rate      float64 // bytes/s at `tried`
	down      bool    // the next trial is with one less
	rest      int     // windows to leave things as they are
	full      int     // how often in a row the target was full
	decisions []Decision
}

// window is what was seen since the last decision.
type window struct {
	since     time.Time
	bytes     int64
	writes    int
	throttled int
	took      time.Duration // sum over writes
	starved   time.Duration // sum of waiting for the source
}

// Decision is one change of pace, for the run's record.
type Decision struct {
	Second   float64 `json:"second"`   // since the load began
	Requests int     `json:"requests"` // in flight from now on
	Batch    int     `json:"batch"`    // bytes of a request from now on
	Why      string  `json:"why"`
}

const (
	windowTime    = time.Second // how long a limit is watched
	windowLeast   = 4           // and how many writes at least
	worthwhile    = 1.03        // growth of throughput that pays for one more request
	restAfter     = 8           // windows of rest after a trial that did not pay
	batchLeast    = 256 << 10
	slow          = 2 * time.Second // a request slower than this is too large
	decisionsKept = 200
)

func newPacer(start, most, batch int) *pacer {
	p := &pacer{began: time.Now(), slots: make(chan struct{}, most), most: most, limit: min(start, most), batch: batch}
	for range p.limit {
		p.slots <- struct{}{}
	}
	p.window.since = p.began
	return p
}

// admit waits until one more request may be in flight. Each admit that returned nil is
// followed by one done or idle.
func (p *pacer) admit(ctx context.Context) error {
	select {
	case <-p.slots:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// idle gives a slot back that was not used.
func (p *pacer) idle() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBack()
}

// done gives a slot back, and books what the request showed and how long it had waited
// for the source.
func (p *pacer) done(r sinks.Receipt, starved time.Duration) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.giveBack()
	w := &p.window
	w.bytes += r.Bytes
	w.writes++
	w.throttled += r.Throttled
	w.took += r.Took
	w.starved += starved
	if elapsed := time.Since(w.since); elapsed >= windowTime && w.writes >= windowLeast {
		p.decide(elapsed)
		p.window = window{since: time.Now()}
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
	switch {
	case w.throttled > 0:
		p.full++
		p.tried, p.rest = 0, restAfter<<min(p.full, 6)
		p.set(max(1, p.limit*3/4), fmt.Sprintf("%d of %d requests were refused: the target is full", w.throttled, w.writes))
	case mean > slow && p.batch > batchLeast:
		p.batch = max(batchLeast, p.batch/2)
		p.note(fmt.Sprintf("a request took %.1f s: smaller ones", mean.Seconds()))
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
	if next < 1 || next > p.most {
		p.tried, p.rest, p.down = 0, restAfter, !p.down
		return
	}
	if p.tried > 0 {
		p.full = 0
	}
	p.tried, p.rate = p.limit, rate
	p.set(next, fmt.Sprintf("%.1f MB/s with %d: try %d", rate/1e6, p.limit, next))
}

func (p *pacer) set(limit int, why string) {
	for ; p.limit < limit; p.limit++ {
		p.giveBack()
	}
	p.debt += p.limit - limit
	p.limit = limit
	p.note(why)
}

func (p *pacer) note(why string) {
	if len(p.decisions) < decisionsKept {
		p.decisions = append(p.decisions, Decision{
			Second: time.Since(p.began).Seconds(), Requests: p.limit, Batch: p.batch, Why: why,
		})
	}
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
