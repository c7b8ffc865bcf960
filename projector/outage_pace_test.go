package projector_test

import (
	"context"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"humpty/projector"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// timedTarget is a target whose writes take their time.
type timedTarget struct {
	remoteTarget
	write func(write func() (sinks.Receipt, error)) (sinks.Receipt, error)
}

type timedIndex struct {
	fullIndex
	of timedTarget
}

func (d timedTarget) Create(ctx context.Context, g sinks.Generation) (sinks.Index, error) {
	x, err := d.remoteTarget.Create(ctx, g)
	return d.timed(x), err
}

// timed is an index of the fake's; none where it could not be had.
func (d timedTarget) timed(x sinks.Index) sinks.Index {
	full, ok := x.(fullIndex)
	if !ok {
		return nil
	}
	return timedIndex{full, d}
}

func (d timedTarget) Open(ctx context.Context, name string) (sinks.Index, error) {
	x, err := d.remoteTarget.Open(ctx, name)
	return d.timed(x), err
}

func (x timedIndex) Write(ctx context.Context, docs []sinks.Document, verdicts []sinks.Verdict) (sinks.Receipt, error) {
	began := time.Now()
	r, err := x.of.write(func() (sinks.Receipt, error) { return x.fullIndex.Write(ctx, docs, verdicts) })
	r.Took = time.Since(began)
	return r, err
}

// sizedSource is a source that tells how large the batches are that it is to fill.
type sizedSource struct {
	remoteSource
	limit *atomic.Int64
}

type sizedView struct {
	sources.View
	sources.Expander
	limit *atomic.Int64
}

type sizedReader struct {
	sources.Reader
	limit *atomic.Int64
}

func (s sizedSource) Open(ctx context.Context) (sources.View, error) {
	v, err := s.remoteSource.Open(ctx)
	return sizedView{v, v.(sources.Expander), s.limit}, err //nolint:forcetypeassert // of the fake
}

func (v sizedView) Read(ctx context.Context, p sources.Partition, from sources.Position) (sources.Reader, error) {
	r, err := v.View.Read(ctx, p, from)
	return sizedReader{r, v.limit}, err
}

func (r sizedReader) Next(ctx context.Context, b *sources.Batch) error {
	r.limit.Store(int64(b.Limit))
	return r.Reader.Next(ctx, b)
}

// A load that is cut off by an outage, of either server, goes on with the requests in flight
// and with the bytes of a request that it had come to.
func TestPaceIsCarriedOverAnOutage(t *testing.T) {
	t.Parallel()
	for _, which := range []string{"source", "target"} {
		t.Run(which, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				l, away := newProcesses(t), &server{lasts: 12 * time.Second}
				for i := range 900 {
					l.rows.Commit(sourcetest.Change{ID: fmt.Sprint(i), Row: &sourcetest.Row{Group: "g", Value: "x"}})
				}
				source, sound := &server{}, &server{}
				if which == "source" {
					source = away
				} else {
					sound = away
				}
				var limit, writes atomic.Int64
				l.source = sizedSource{remoteSource{l.rows, source}, &limit}
				target := timedTarget{remoteTarget: remoteTarget{l.memory, sound}}
				l.target = &target
				target.write = func(write func() (sinks.Receipt, error)) (sinks.Receipt, error) {
					took := 200 * time.Millisecond
					n := writes.Add(1)
					if n > 300 { // large requests take longer: the pace has to learn that
						took = 3 * time.Second
					}
					<-time.After(took)
					if n == 600 {
						away.leave()
					}
					if err := target.err(); err != nil {
						return sinks.Receipt{}, err
					}
					return write()
				}
				var before, after report.Event
				var small, again int64
				waited := false
				rec, err := l.run(false, func(r *projector.Rebuild) {
					r.Projection.Limits = projector.Limits{Batch: 1 << 20}
					r.Observe = func(e report.Event) {
						switch {
						case e.Kind == report.Waiting:
							waited = true
						case e.Kind != report.Progress || e.Phase != report.PhaseLoad:
						case !waited:
							before, small = e, limit.Load()
						case after.Requests == 0:
							after, again = e, limit.Load()
						}
					}
				})
				if err != nil || rec.Status != report.Completed || len(rec.Outages) != 1 {
					t.Fatalf("%v: %+v", err, rec)
				}
				if before.Requests <= 4 || small >= 1<<20 {
					t.Fatalf("%d requests of %d bytes before the outage: nothing was learnt, so this shows nothing; %+v", before.Requests, small, rec.Pace)
				}
				if after.Requests != before.Requests || again != small {
					t.Errorf("%d requests of %d bytes before the outage, %d of %d behind it", before.Requests, small, after.Requests, again)
				}
				if took := rec.Outages[0].Seconds; took > 13.1 {
					t.Errorf("an outage of 12 s was over after %.1f s", took)
				}
			})
		})
	}
}

// What was sent in vain while a target was away took nothing from the others: when it is
// back, the limit on bytes a second is the only one.
func TestRateBehindAnOutage(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		const rate, documents, size, away = 1e6, 400, 50_000, 10 * time.Second
		s := setup(t, 0)
		s.source.Page = 1
		body := fmt.Appendf(nil, `{"text":"%s"}`, strings.Repeat("x", size-11))
		for i := range documents {
			s.source.Records = append(s.source.Records, sources.Record{Key: fmt.Append(nil, i), Value: body})
		}
		from := time.Now().Add(4 * time.Second)
		r := s.rebuild()
		r.Projection.Limits = projector.Limits{Rate: rate}
		r.Target = timedTarget{remoteTarget: remoteTarget{s.target, &server{}}, write: func(write func() (sinks.Receipt, error)) (sinks.Receipt, error) {
			<-time.After(50 * time.Millisecond)
			vain := 0
			for now := time.Now(); !now.Before(from) && now.Before(from.Add(away)); now = time.Now() {
				<-time.After(500 * time.Millisecond)
				vain++
			}
			receipt, err := write()
			receipt.Bytes, receipt.Retries = receipt.Bytes*int64(1+vain), vain
			return receipt, err
		}}
		rec, err := r.Run(t.Context())
		if err != nil || rec.Ledger.Sent < documents*size+4*20*size {
			t.Fatalf("%v: %d bytes were sent: nothing in vain, so this shows nothing", err, rec.Ledger.Sent)
		}
		want := documents*size/rate + away.Seconds()
		if rec.Seconds < want-1 || rec.Seconds > want+1 {
			t.Errorf("it took %.1f s, not %.1f", rec.Seconds, want)
		}
	})
}
