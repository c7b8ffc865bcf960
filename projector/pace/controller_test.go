package pace

import (
	"context"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/sinks"
)

// model is a target that serves `width` requests side by side, each in 100 ms, makes the
// others wait their turn, and refuses once what is beyond `queue`.
type model struct {
	mu  sync.Mutex
	rng *rand.Rand

	width, queue              atomic.Int64
	inFlight, refused, served atomic.Int64
	all                       atomic.Int64 // refusals, never set back
}

func (m *model) write(bytes int64) sinks.Receipt {
	begun := time.Now()
	r := sinks.Receipt{Bytes: bytes, Requests: 1}
	for busy := m.inFlight.Add(1); busy > m.queue.Load(); busy = m.inFlight.Load() {
		m.refused.Add(1)
		m.all.Add(1)
		r.Throttled++
		r.Bytes = bytes
		m.inFlight.Add(-1)
		<-time.After(200 * time.Millisecond)
		m.inFlight.Add(1)
	}
	share := max(1, float64(m.inFlight.Load())/float64(m.width.Load()))
	m.mu.Lock()
	jitter := 0.5 + m.rng.Float64() // requests are not of one length, or they would go in step
	m.mu.Unlock()
	<-time.After(time.Duration(share * jitter * float64(100*time.Millisecond)))
	m.inFlight.Add(-1)
	m.served.Add(1)
	r.Took = time.Since(begun)
	return r
}

// drive lets 16 writers write to the model for a time.
func drive(t *testing.T, p *Controller, m *model, during time.Duration) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), during)
	defer cancel()
	var group errgroup.Group
	for range 16 {
		group.Go(func() error {
			for {
				allowed, err := p.Admit(ctx)
				if err != nil {
					return nil //nolint:nilerr // the time is over
				}
				p.Done(m.write(4<<20), 0, allowed)
			}
		})
	}
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
}

func TestControllerFindsTheTargetsWidthAgainAndAgain(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &model{rng: rand.New(rand.NewPCG(1, 1))}
		m.queue.Store(1000)
		p := newController(4, 16, 4<<20)
		for _, width := range []int64{8, 12, 8} {
			m.width.Store(width)
			drive(t, p, m, time.Minute)
			if got := int64(p.Setting().Requests); got < width-1 || got > width+2 { // a trial may be under way
				t.Errorf("%d requests for a target %d wide; decisions: %+v", got, width, p.Decisions())
			}
		}
	})
}

func TestControllerBacksOffFromAFullTarget(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		m := &model{rng: rand.New(rand.NewPCG(1, 1))}
		m.queue.Store(3)
		m.width.Store(3)
		p := newController(8, 16, 4<<20)
		p.overload.count = m.all.Load
		drive(t, p, m, 10*time.Second)
		early := share(m)
		m.refused.Store(0)
		m.served.Store(0)
		drive(t, p, m, 5*time.Minute)
		if got := p.Setting().Requests; got > 4 {
			t.Errorf("%d requests in flight at a target that takes 3", got)
		}
		if late := share(m); late > 0.01 || early == 0 {
			t.Errorf("%.3f refusals a request at first, %.3f later; decisions %+v", early, late, p.Decisions())
		}
	})
}

// share is how many refusals there were for each request served.
func share(m *model) float64 { return float64(m.refused.Load()) / float64(m.served.Load()) }

func TestControllerLearnsNothingFromASlowSource(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newController(4, 16, 4<<20)
		for range 1000 {
			allowed, err := p.Admit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(50 * time.Millisecond)
			p.Done(sinks.Receipt{Bytes: 1 << 20, Took: 10 * time.Millisecond}, 40*time.Millisecond, allowed)
		}
		if p.Setting().Requests != 4 || len(p.Decisions()) != 0 {
			t.Errorf("%d requests, decisions %+v", p.Setting().Requests, p.Decisions())
		}
	})
}

func TestControllerMakesSlowRequestsSmaller(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newController(4, 16, 4<<20)
		for range 400 {
			allowed, err := p.Admit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second)
			p.Done(sinks.Receipt{Bytes: int64(p.Setting().Batch), Took: 5 * time.Second}, 0, allowed)
		}
		if p.Setting().Batch != MinBatch {
			t.Errorf("requests of %d bytes", p.Setting().Batch)
		}
		for range 400 { // the target has recovered
			allowed, err := p.Admit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(200 * time.Millisecond)
			p.Done(sinks.Receipt{Bytes: int64(p.Setting().Batch), Took: 200 * time.Millisecond}, 0, allowed)
		}
		if p.Setting().Batch != 4<<20 {
			t.Errorf("requests of %d bytes at a target that is quick again", p.Setting().Batch)
		}
	})
}

func TestControllerLearnsNothingFromAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		p := newController(4, 16, 4<<20)
		for range 40 {
			allowed, err := p.Admit(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			<-time.After(time.Second)
			p.Done(sinks.Receipt{Bytes: 1 << 20, Took: 10 * time.Second, Retries: 5}, 0, allowed)
		}
		if p.Setting().Requests != 4 || p.Setting().Batch != 4<<20 {
			t.Errorf("%d requests of %d bytes; decisions %+v", p.Setting().Requests, p.Setting().Batch, p.Decisions())
		}
	})
}
