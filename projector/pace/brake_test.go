package pace

import (
	"context"
	"errors"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"
)

func TestLimiterHoldsBytesASecond(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const limit = 10e6
		r := NewLimiter(limit)
		sent := func(during time.Duration) float64 {
			ctx, cancel := context.WithTimeout(t.Context(), during)
			defer cancel()
			var sum atomic.Int64
			var group errgroup.Group
			for range 16 {
				group.Go(func() error {
					for r.Wait(ctx, 1_000_000) == nil {
						r.Reconcile(100_000, r.IdleCredit()) // what a retry sends again
						sum.Add(1_100_000)
					}
					return nil
				})
			}
			if err := group.Wait(); err != nil {
				t.Fatal(err)
			}
			return float64(sum.Load()) / during.Seconds()
		}
		if got := sent(time.Minute); got > 1.02*limit || got < 0.9*limit {
			t.Errorf("%.1f MB/s, the limit is 10", got/1e6)
		}
		r.Hold(limit / 5)
		<-time.After(time.Minute) // what was booked before is paid
		if got := sent(time.Minute); got > 1.1*limit/5 || got < 0.8*limit/5 {
			t.Errorf("%.1f MB/s while the brake allows 2", got/1e6)
		}
		r.Hold(20 * limit)
		<-time.After(time.Minute)
		if got := sent(time.Minute); got > 1.02*limit {
			t.Errorf("%.1f MB/s: the brake raised the user's limit", got/1e6)
		}
	})
}

// What was sent in vain while nothing else could be takes nothing from later ones, but no
// byte that was missed pays twice.
func TestLimiterBooksLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		r := NewLimiter(1000)
		<-time.After(time.Minute) // missed before the mark: pays for nothing
		if d := r.reserve(250); d != 0 {
			t.Fatalf("what was saved up is not there: %s", d)
		}
		mark := r.IdleCredit()
		<-time.After(10 * time.Second) // 250 are saved up, 9,750 missed
		r.Reconcile(8000, mark)
		if d := r.reserve(250); d != 0 {
			t.Errorf("%s are owed for what nobody else could have sent", d)
		}
		r.Reconcile(2750, mark)
		if d := r.reserve(0); d != time.Second {
			t.Errorf("%s are owed, not 1 s", d)
		}
	})
}

func TestNoLimiterNeverWaits(t *testing.T) {
	t.Parallel()
	for _, r := range []*Limiter{nil, NewLimiter(0)} {
		r.Reconcile(1<<40, r.IdleCredit())
		if d := r.reserve(1 << 40); d != 0 {
			t.Errorf("%v", d)
		}
	}
}

// busy is a cluster whose searches take longer with each request in flight.
type busy struct {
	*model
	rng      *rand.Rand
	each     atomic.Int64 // nanoseconds for each
	pressure atomic.Int64 // percent for each
	above    atomic.Int64
	searches atomic.Int64
	limit    time.Duration
	broken   error
}

func (b *busy) SearchLatency(context.Context) (time.Duration, error) {
	if b.broken != nil {
		return 0, b.broken
	}
	took := 20*time.Millisecond + time.Duration(b.inFlight.Load()*b.each.Load())
	took += time.Duration(b.rng.Int64N(int64(took) / 10))
	<-time.After(took)
	b.searches.Add(1)
	if took > b.limit {
		b.above.Add(1)
	}
	return took, nil
}

func (b *busy) IndexingPressure(context.Context) (float64, error) {
	return float64(b.inFlight.Load()*b.pressure.Load()) / 100, b.broken
}

func newBusy(limit time.Duration) *busy {
	b := &busy{model: &model{rng: rand.New(rand.NewPCG(1, 1))}, rng: rand.New(rand.NewPCG(2, 2)), limit: limit}
	b.queue.Store(1000)
	b.width.Store(12)
	return b
}

// braking drives a load at a cluster for a time, under a brake.
func braking(t *testing.T, b *Brake, c *busy, during time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	var group errgroup.Group
	group.Go(func() error { b.Watch(ctx); return nil })
	for range 16 {
		group.Go(func() error {
			for {
				allowed, err := b.pace.Admit(ctx)
				if err != nil {
					return nil //nolint:nilerr // the time is over
				}
				waited := time.Now()
				if b.limiter.Wait(ctx, 4<<20) != nil {
					b.pace.Return()
					return nil //nolint:nilerr // the time is over
				}
				b.pace.Done(c.write(4<<20), time.Since(waited), allowed)
			}
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestBrakeKeepsSearchesQuick(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newBusy(300 * time.Millisecond)
		b := &Brake{gauge: c, limits: map[int]time.Duration{99: c.limit}, pace: newController(4, 16, 4<<20), limiter: NewLimiter(0), notice: func(string) {}}
		c.each.Store(int64(50 * time.Millisecond)) // five requests are all that the limit allows
		braking(t, b, c, time.Minute)
		c.above.Store(0)
		c.searches.Store(0)
		braking(t, b, c, 5*time.Minute)
		if late, all := c.above.Load(), c.searches.Load(); all < 500 || float64(late) > 0.02*float64(all) {
			t.Errorf("%d of %d searches were above the limit; %d requests; decisions %+v", late, all, b.pace.Setting().Requests, b.pace.Decisions())
		}
		if got := b.pace.Setting().Requests; got < 3 || got > 5 {
			t.Errorf("%d requests at a cluster whose searches stand 5", got)
		}
		c.each.Store(int64(time.Millisecond))
		braking(t, b, c, 10*time.Minute)
		if got := b.pace.Setting().Requests; got < 10 {
			t.Errorf("%d requests at a cluster that has room for 12 again; decisions %+v", got, b.pace.Decisions())
		}
	})
}

// TestBrakeLimitsBytes: when one request is too many, fewer bytes a second go.
func TestBrakeLimitsBytes(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newBusy(30 * time.Millisecond)
		b := &Brake{gauge: c, limits: map[int]time.Duration{50: c.limit}, pace: newController(4, 16, 4<<20), limiter: NewLimiter(0), notice: func(string) {}}
		c.each.Store(int64(50 * time.Millisecond))
		braking(t, b, c, time.Minute)
		c.above.Store(0)
		c.searches.Store(0)
		braking(t, b, c, 3*time.Minute)
		if late, all := c.above.Load(), c.searches.Load(); float64(late) > 0.6*float64(all) {
			t.Errorf("the median of %d searches is above the limit: %d; held at %.1f MB/s", all, late, b.limiter.Held()/1e6)
		}
		if b.pace.Setting().Requests != 1 || b.limiter.Held() == 0 || !strings.Contains(b.pace.LastDecision(), "MB/s") {
			t.Errorf("%d requests, %.1f MB/s: %s", b.pace.Setting().Requests, b.limiter.Held()/1e6, b.pace.LastDecision())
		}
	})
}

func TestBrakeEasesBeforeTheTargetRefuses(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newBusy(0)
		c.pressure.Store(10) // eight requests are above three quarters
		b := &Brake{gauge: c, pace: newController(4, 16, 4<<20), limiter: NewLimiter(0), notice: func(string) {}}
		braking(t, b, c, 5*time.Minute)
		if got := b.pace.Setting().Requests; got < 5 || got > 8 {
			t.Errorf("%d requests; decisions %+v", got, b.pace.Decisions())
		}
	})
}

func TestBrakeThatCannotMeasureSaysSo(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newBusy(0)
		c.broken = errors.New("not allowed")
		var mu sync.Mutex
		said := ""
		b := &Brake{
			gauge: c, limits: map[int]time.Duration{99: time.Second}, pace: newController(4, 16, 4<<20), limiter: NewLimiter(0),
			notice: func(text string) { mu.Lock(); defer mu.Unlock(); said += text + "\n" },
		}
		b.Watch(t.Context()) // ends by itself: nothing is left to be measured
		if strings.Count(said, "the load goes on without this brake: not allowed") != 2 {
			t.Errorf("%q", said)
		}
	})
}

// TestBrakeThatCannotHold goes on slowly, and says once that the limit cannot be kept.
func TestBrakeThatCannotHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c := newBusy(time.Millisecond)
		said := []string{}
		b := &Brake{
			gauge: c, limits: map[int]time.Duration{50: c.limit}, pace: newController(4, 16, 4<<20), limiter: NewLimiter(0),
			notice: func(text string) { said = append(said, text) },
		}
		braking(t, b, c, 5*time.Minute)
		if len(said) != 1 || !strings.Contains(said[0], "the cluster cannot keep this limit") || b.limiter.Held() != slowest {
			t.Errorf("said %q, at %.0f bytes/s", said, b.limiter.Held())
		}
	})
}
