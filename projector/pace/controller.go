package pace

import (
	"cmp"
	"context"
	"fmt"
	"slices"
	"sync"
	"time"

	"humpty/projector/report"
	"humpty/sinks"
)

// firstRequests is how many bulk requests are in flight before anything is known of the
// target: few enough for a small one.
const firstRequests = 4

// Controller decides how many bulk requests are in flight, and how large they are, from what
// the target shows: it adds one request as long as that pays, takes one away if that
// costs nothing, takes a quarter away when the target says it is full, and tries again
// after a while, since targets change.
// A number at which the target was full is not tried again before so many requests were
// answered that the refusals are one in two hundred of them, and fewer if it was full again.
//
// It is the additive increase and multiplicative decrease of TCP, with throughput as the
// signal to grow and 429 as the signal to shrink. All methods are safe for concurrent use.
type Controller struct {
	most    int // requests in flight, whatever the target bears
	largest int // bytes of a request

	mu       sync.Mutex
	slots    slots
	ceiling  int // requests in flight, most of them now: the brake's
	batch    int // bytes of a request
	window   window
	trial    trial
	overload overload
	bytes    int64 // sent so far
	log      decisionLog
}

// slots are the requests that may be in flight.
type slots struct {
	free   chan struct{} // one for each request that may start
	limit  int           // requests in flight allowed
	retire int           // slots to be swallowed when they come back
}

func (s *slots) giveBack() {
	if s.retire > 0 {
		s.retire--
		return
	}
	s.free <- struct{}{}
}

func (s *slots) resize(limit int) {
	for ; s.limit < limit; s.limit++ {
		s.giveBack()
	}
	for ; s.limit > limit; s.limit-- {
		select {
		case <-s.free: // nobody has it
		default:
			s.retire++
		}
	}
}

// trial is one request more, or one less, for a window.
type trial struct {
	from        int     // the limit before the running trial; 0: none is running
	rate        float64 // bytes/s at from
	down        bool    // the next trial is with one less
	holdWindows int     // windows to leave things as they are
}

// paid reports whether the running trial was worth it: one more request must bring
// something, one less must cost nothing.
func (t *trial) paid(limit int, rate float64) bool {
	if limit > t.from {
		return rate >= t.rate*worthwhile
	}
	return rate*worthwhile >= t.rate
}

// overload is what is known of how many requests are too many for the target.
type overload struct {
	count      func() int64 // refusals so far; nil: only receipts tell of them
	counted    int64        // refusals so far
	rejectedAt int          // requests at which the target was full; 0: it never was
	cooldown   int          // requests to be answered before so many are tried again
	streak     int          // how often in a row the target was full
}

// NewLoad paces a load: it begins as an earlier part of the load ended, else with few
// requests at once, of the given size.
func NewLoad(last Setting, most, batch int, index sinks.Index) *Controller {
	c := newController(cmp.Or(last.Requests, firstRequests), most, batch)
	c.batch = cmp.Or(last.Batch, c.batch)
	c.log.phase = report.PhaseLoad
	c.countRefusals(index)
	return c
}

// NewCatchUp paces a catch-up: it begins with as many requests as there may be, since the load has shown that
// the target bears more, and takes some away where it no longer does.
func NewCatchUp(most int, index sinks.Index) *Controller {
	c := newController(most, most, 0)
	c.log.phase = report.PhaseCatchUp
	c.countRefusals(index)
	return c
}

// countRefusals lets it see refusals of the index's at once, where they can be counted.
func (c *Controller) countRefusals(index sinks.Index) {
	if r, ok := index.(sinks.ThrottleCounter); ok {
		c.overload.count, c.overload.counted = r.ThrottledTotal, r.ThrottledTotal()
	}
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

// MinBatch is how large a request is at least, in bytes.
const MinBatch = 256 << 10

const (
	windowTime   = time.Second     // how long a limit is watched
	windowLeast  = 8               // and how many writes at least, for each request in flight
	worthwhile   = 1.03            // growth of throughput that pays for one more request
	holdAfter    = 8               // windows of rest after a trial that did not pay
	refusalPrice = 200             // requests to be answered for each that was refused
	cooldownMost = 5000            // requests: targets change
	slow         = 2 * time.Second // a request slower than this is too large
)

// newController begins with so many requests in flight.
func newController(start, most, batch int) *Controller {
	c := &Controller{most: most, ceiling: most, batch: batch, largest: batch, log: decisionLog{began: time.Now()}}
	c.slots = slots{free: make(chan struct{}, most), limit: min(start, most)}
	for range c.slots.limit {
		c.slots.free <- struct{}{}
	}
	c.window.since = c.log.began
	return c
}

// Admit waits until one more request may be in flight, and returns how many may be then.
// Each admit without an error is followed by one Done or Return.
func (c *Controller) Admit(ctx context.Context) (allowed int, err error) {
	select {
	case <-c.slots.free:
		return c.Setting().Requests, nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// Return gives a slot back that was not used.
func (c *Controller) Return() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots.giveBack()
}

// Done gives a slot back, and books what the request showed, how long it had waited for
// the source, and how many requests were allowed when it was admitted.
func (c *Controller) Done(r sinks.Receipt, starved time.Duration, allowed int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.slots.giveBack()
	w := &c.window
	c.bytes += r.Bytes
	w.bytes += r.Bytes
	w.writes++
	c.overload.cooldown = max(0, c.overload.cooldown-1)
	c.refusals(r, allowed)
	if r.Retries > r.Throttled {
		w.broken++
	}
	w.took += r.Took
	w.starved += starved
	elapsed := time.Since(w.since)
	if elapsed >= windowTime && w.writes >= windowLeast*c.slots.limit {
		c.decide(elapsed)
		c.window = window{since: time.Now()}
	}
}

// refusals books what the target refused since the last look. Where requests can be counted
// that still have no receipt, refusals count at the number of requests allowed now, once
// there are no more under way than that.
func (c *Controller) refusals(r sinks.Receipt, allowed int) {
	times := r.Throttled
	if c.overload.count != nil {
		so := c.overload.count()
		times, c.overload.counted = int(so-c.overload.counted), so
		allowed = c.slots.limit
		if c.slots.retire > 0 {
			allowed++
		}
	}
	if times > 0 {
		c.window.throttled += times
		c.refused(times, allowed)
	}
}

func (c *Controller) decide(elapsed time.Duration) {
	w := c.window
	rate := float64(w.bytes) / elapsed.Seconds()
	mean := w.took / time.Duration(w.writes)
	if w.throttled == 0 && c.overload.rejectedAt > 0 && c.slots.limit >= c.overload.rejectedAt {
		c.overload.rejectedAt, c.overload.streak = c.slots.limit+1, max(0, c.overload.streak-1) // there is room again
	}
	switch {
	case w.throttled > 0: // refused has seen to it; such a window says nothing about throughput
	case w.broken > 0: // nor does an outage: what waited for its end was not slow
		c.trial.from = 0
	case mean > slow && c.batch > MinBatch:
		c.batch = max(MinBatch, c.batch/2)
		c.note(fmt.Sprintf("a request took %.1f s: smaller ones", mean.Seconds()))
	case mean < slow/4 && c.batch < c.largest:
		c.batch = min(c.largest, c.batch*2)
		c.note(fmt.Sprintf("a request took %d ms: larger ones", mean.Milliseconds()))
	case w.starved > w.took:
		c.trial.from = 0 // the source is slower than the target: nothing to learn about the target
	case c.trial.from > 0 && !c.trial.paid(c.slots.limit, rate):
		c.trial.holdWindows, c.trial.down = holdAfter, !c.trial.down
		c.set(c.trial.from, fmt.Sprintf("%.1f MB/s with %d, %.1f with %d: not better", c.trial.rate/1e6, c.trial.from, rate/1e6, c.slots.limit))
		c.trial.from = 0
	case c.trial.holdWindows > 0:
		c.trial.holdWindows--
	default:
		c.try(rate)
	}
}

// refused goes down from the number of requests that was too many. What comes late from
// before that is the same refusal.
func (c *Controller) refused(times, allowed int) {
	if c.slots.limit >= allowed {
		down := max(1, allowed*3/4)
		if c.trial.from > 0 && c.trial.from < allowed {
			down = max(down, c.trial.from)
		}
		c.overload.rejectedAt, c.overload.cooldown = allowed, 0
		c.overload.streak++
		c.set(down, fmt.Sprintf("refused %d times with %d in flight: the target is full", times, allowed))
	}
	c.overload.cooldown = min(c.overload.cooldown+times*refusalPrice<<min(max(c.overload.streak-1, 0), 3), cooldownMost)
	c.trial.from, c.trial.holdWindows = 0, holdAfter
}

// try changes the limit by one, for a window.
func (c *Controller) try(rate float64) {
	next := c.slots.limit + 1
	if c.trial.down {
		next = c.slots.limit - 1
	}
	if next < 1 || next > c.ceiling || c.overload.cooldown > 0 && next >= c.overload.rejectedAt && !c.trial.down {
		c.trial.from, c.trial.holdWindows, c.trial.down = 0, holdAfter, !c.trial.down
		return
	}
	c.trial.from, c.trial.rate = c.slots.limit, rate
	c.set(next, fmt.Sprintf("%.1f MB/s with %d: try %d", rate/1e6, c.slots.limit, next))
}

func (c *Controller) set(limit int, why string) {
	c.slots.resize(limit)
	c.note(why)
}

func (c *Controller) note(why string) { c.log.add(c.slots.limit, c.batch, why) }

// Setting is what a load has come to.
type Setting struct {
	Requests int // in flight
	Batch    int // bytes of one
}

// Setting is what it has come to so far.
func (c *Controller) Setting() Setting {
	c.mu.Lock()
	defer c.mu.Unlock()
	return Setting{Requests: c.slots.limit, Batch: c.batch}
}

// Decisions returns the decisions so far.
func (c *Controller) Decisions() []Decision {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.log.all)
}

// Restrain keeps the requests in flight at no more than a number from now on.
func (c *Controller) Restrain(most int, why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.ceiling = most
	c.trial.from = 0
	if c.slots.limit > most {
		c.set(most, why)
	} else {
		c.note(why)
	}
}

// relax raises what restrain has lowered, by one.
func (c *Controller) relax(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.ceiling == c.most {
		return
	}
	c.ceiling++
	c.trial.holdWindows, c.trial.down = 0, false
	if c.slots.limit == c.ceiling-1 {
		c.trial.from = 0
		c.set(c.ceiling, why)
	}
}

// easePressure takes a quarter of the requests away before the target refuses any, and leaves
// things so for a while.
func (c *Controller) easePressure(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.slots.limit > 1 {
		c.set(max(1, c.slots.limit*3/4), why)
	}
	c.trial.from, c.trial.holdWindows = 0, holdAfter
}

// say notes what was decided elsewhere.
func (c *Controller) say(why string) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.note(why)
}

// sent is how many bytes were booked so far.
func (c *Controller) sent() int64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.bytes
}

// Idle reports whether nothing is in flight.
func (c *Controller) Idle() bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.slots.retire == 0 && len(c.slots.free) == c.slots.limit
}

// LastDecision is the last decision, in words; empty before the first.
func (c *Controller) LastDecision() string {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.log.last
}
