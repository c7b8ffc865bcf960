package projector

import (
	"context"
	"fmt"
	"maps"
	"math"
	"slices"
	"time"

	"humpty/sinks"
)

// brake watches how the target bears a load, and slows that down before others suffer:
// searches through the alias are to stay under the limits that the user sets, and no node
// shall come near the amount of writes above which it refuses more.
//
// What is measured is a search for one document through the alias, ten times a second, from
// the call to the answer, the network included; a percentile is one of the last ten seconds.
type brake struct {
	gauge  sinks.LoadProbe
	limits map[int]time.Duration // by percentile, 99 for p99; empty: only the pressure is watched
	pace   *pacer
	rate   *throttle
	notice func(string)

	seen  []time.Duration // since pace or rate changed last, at most probesKept
	sent  int64           // bytes that the pacer had booked at the last look
	at    time.Time       // of the last look
	first float64         // bytes/s when the rate was held first
	told  bool            // that the limit cannot be kept
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

// watch does so until ctx ends. What cannot be asked is said once and not asked again.
func (b *brake) watch(ctx context.Context) {
	probe, look := time.NewTicker(probeTime), time.NewTicker(lookTime)
	defer probe.Stop()
	defer look.Stop()
	searches, pressure := probe.C, look.C
	if len(b.limits) == 0 {
		searches = nil
	}
	b.at = time.Now()
	for searches != nil || pressure != nil {
		var err error
		select {
		case <-ctx.Done():
			return
		case <-searches:
			if err = b.time(ctx); err != nil {
				searches = nil
			}
		case <-pressure:
			b.judge()
			if err = b.ease(ctx); err != nil {
				pressure = nil
			}
		}
		if err != nil && ctx.Err() == nil {
			b.notice("the load goes on without this brake: " + err.Error())
		}
	}
}

func (b *brake) time(ctx context.Context) error {
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

// ease looks at the nodes' indexing pressure.
func (b *brake) ease(ctx context.Context) error {
	share, err := b.gauge.IndexingPressure(ctx)
	if err == nil && share > pressed {
		b.pace.pressed(fmt.Sprintf("a node holds %.0f%% of the writes that it can: fewer", 100*share))
	}
	return err
}

// judge holds the percentiles against their limits: tighter where one is above, looser
// where all have been well below for a while.
func (b *brake) judge() {
	speed := b.speed()
	if speed == 0 && b.pace.unused() { // whatever is slow, it is not for our sake
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
func (b *brake) speed() float64 {
	sent, now := b.pace.sent(), time.Now()
	speed := float64(sent-b.sent) / max(now.Sub(b.at).Seconds(), 0.001)
	b.sent, b.at = sent, now
	return speed
}

// tighten takes a quarter of the requests away, and when only one is left, of the bytes.
func (b *brake) tighten(speed float64, why string) {
	b.seen = b.seen[:0]
	if allowed := b.pace.allowed(); allowed > 1 {
		b.pace.restrain(max(1, allowed*3/4), why)
		return
	}
	held := b.rate.holding()
	if held == 0 {
		held = max(speed, slowest)
		b.first = held
	}
	if held == slowest && !b.told {
		b.told = true
		b.notice(why + ", though the load sends hardly anything any more: the cluster cannot keep this limit; the load goes on slowly, raise limits.brake if that is not meant")
	}
	held = max(held*3/4, slowest)
	b.rate.hold(held)
	b.pace.say(fmt.Sprintf("%s: at most %.1f MB/s", why, held/1e6))
}

// loosen gives back what tighten took, last things first.
func (b *brake) loosen() {
	b.seen = b.seen[:0]
	if held := b.rate.holding(); held > 0 {
		if held *= 1.25; held > 2*b.first {
			held = 0
		}
		b.rate.hold(held)
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
