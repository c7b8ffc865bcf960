package pace

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/sinks"
)

// Brake watches how the target bears a load, and slows that down before others suffer:
// searches through the alias are to stay under the limits that the user sets, and no node
// shall come near the amount of writes above which it refuses more.
//
// What is measured is a search for one document through the alias, ten times a second, from
// the call to the answer, the network included; a percentile is one of the last ten seconds.
type Brake struct {
	gauge   sinks.LoadProbe
	limits  map[int]time.Duration // by percentile, 99 for p99; empty: only the pressure is watched
	pace    *Controller
	limiter *Limiter
	notice  func(string)

	seen           []time.Duration // since pace or rate changed last, at most probesKept
	booked         int64           // bytes that the controller had booked at the last look
	lookedAt       time.Time       // of the last look
	firstHeld      float64         // bytes/s when the rate was held first
	saidCannotHold bool            // that the limit cannot be kept
}

const (
	probeTime   = 100 * time.Millisecond
	lookTime    = time.Second
	probesKept  = 100
	probesLeast = 10   // before anything is tightened
	probesCalm  = 50   // before anything is loosened
	calm        = 0.8  // of a limit: below it there is room
	pressed     = 0.75 // of a node's limit on writes under way
	slowest     = 64e3 // bytes/s: the brake does not stop a load
)

// Watch brakes until ctx ends. What cannot be asked is said once and not asked again.
func (b *Brake) Watch(ctx context.Context) {
	probe, look := time.NewTicker(probeTime), time.NewTicker(lookTime)
	defer probe.Stop()
	defer look.Stop()
	searches, pressure := probe.C, look.C
	if len(b.limits) == 0 {
		searches = nil
	}
	b.lookedAt = time.Now()
	for searches != nil || pressure != nil {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-searches:
			if err = b.probeLatency(ctx); err != nil {
				searches = nil
			}
		case <-pressure:
			b.evaluate()
			if err = b.checkPressure(ctx); err != nil {
				pressure = nil
			}
		}
		if err != nil && ctx.Err() == nil {
			b.notice("the load goes on without this brake: " + err.Error())
		}
	}
}

func (b *Brake) probeLatency(ctx context.Context) error {
	took, err := b.gauge.SearchLatency(ctx)
	if err != nil || took == 0 {
		return err
	}
	if len(b.seen) == probesKept {
		b.seen = b.seen[:copy(b.seen, b.seen[1:])]
	}
	b.seen = append(b.seen, took)
	return nil
}

// checkPressure looks at the nodes' indexing pressure.
func (b *Brake) checkPressure(ctx context.Context) error {
	share, err := b.gauge.IndexingPressure(ctx)
	if err == nil && share > pressed {
		b.pace.easePressure(fmt.Sprintf("a node holds %.0f%% of the writes that it can: fewer", 100*share))
	}
	return err
}

// evaluate holds the percentiles against their limits: tighter where one is above, looser
// where all have been well below for a while.
func (b *Brake) evaluate() {
	speed := b.speed()
	if speed == 0 && b.pace.Idle() { // whatever is slow, it is not for our sake
		b.seen = b.seen[:0]
		return
	}
	if len(b.seen) < probesLeast {
		return
	}
	room := len(b.seen) >= probesCalm
	for _, p := range slices.Sorted(maps.Keys(b.limits)) {
		is, limit := percentile(b.seen, p), b.limits[p]
		if is > limit {
			b.tighten(speed, fmt.Sprintf("searches take %d ms (p%d), the limit is %d ms", is.Milliseconds(), p, limit.Milliseconds()))
			return
		}
		room = room && float64(is) < calm*float64(limit)
	}
	if room {
		b.loosen()
	}
}

// speed is how many bytes/s were sent since the last look.
func (b *Brake) speed() float64 {
	sent, now := b.pace.sent(), time.Now()
	speed := float64(sent-b.booked) / max(now.Sub(b.lookedAt).Seconds(), 0.001)
	b.booked, b.lookedAt = sent, now
	return speed
}

// tighten takes a quarter of the requests away, and when only one is left, of the bytes.
func (b *Brake) tighten(speed float64, why string) {
	b.seen = b.seen[:0]
	if allowed := b.pace.Setting().Requests; allowed > 1 {
		b.pace.Restrain(max(1, allowed*3/4), why)
		return
	}
	held := b.limiter.Held()
	if held == 0 {
		held = max(speed, slowest)
		b.firstHeld = held
	}
	if held == slowest && !b.saidCannotHold {
		b.saidCannotHold = true
		b.notice(why + ", though the load sends hardly anything any more: the cluster cannot keep this limit; the load goes on slowly, raise limits.brake if that is not meant")
	}
	held = max(held*3/4, slowest)
	b.limiter.Hold(held)
	b.pace.say(fmt.Sprintf("%s: at most %.1f MB/s", why, held/1e6))
}

// loosen gives back what tighten took, last things first.
func (b *Brake) loosen() {
	b.seen = b.seen[:0]
	if held := b.limiter.Held(); held > 0 {
		if held *= 1.25; held > 2*b.firstHeld {
			held = 0
		}
		b.limiter.Hold(held)
		if held > 0 {
			b.pace.say(fmt.Sprintf("searches have room: up to %.1f MB/s", held/1e6))
		} else {
			b.pace.say("searches have room: no limit on bytes")
		}
		return
	}
	b.pace.relax("searches have room")
}

// percentile is the smallest value that p percent are not above.
func percentile(of []time.Duration, p int) time.Duration {
	sorted := slices.Sorted(slices.Values(of))
	at := int(math.Ceil(float64(p)/100*float64(len(sorted)))) - 1
	return sorted[max(at, 0)]
}

// NewBrake is what watches the target, nil if that cannot tell how it bears a load.
func NewBrake(target sinks.Target, limits map[int]time.Duration, pace *Controller, rate *Limiter, notice func(string)) *Brake {
	gauge, ok := target.(sinks.LoadProbe)
	if !ok {
		if len(limits) > 0 {
			notice("the load goes on without a brake: this target cannot say how it bears it")
		}
		return nil
	}
	return &Brake{gauge: gauge, limits: limits, pace: pace, limiter: rate, notice: notice}
}

// During does work, and watches meanwhile; the nil Brake watches nothing.
func (b *Brake) During(ctx context.Context, work func(context.Context) error) error {
	if b == nil {
		return work(ctx)
	}
	watching, stop := context.WithCancel(ctx)
	var beside errgroup.Group
	beside.Go(func() error { b.Watch(watching); return nil })
	err := work(ctx)
	stop()
	_ = beside.Wait() // watch gives no error
	return err
}
