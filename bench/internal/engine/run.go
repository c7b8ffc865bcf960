package engine

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"runtime"
	"runtime/metrics"
	"strings"
	"time"

	"humpty/bench/internal/figure"
	"humpty/projector"
	"humpty/projector/repair"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sinks/null"
	"humpty/sources/postgres"
)

// Outcome is what a run was measured at.
type Outcome struct {
	Record  projector.Record
	Finding repair.Result      // of Verify and Repair, instead of a Record
	Readers int                // partitions read at once
	Seconds float64            // first read to the end of the last write and, of an index, of its refresh
	Figures map[string]float64 // see package result; and phase_NAME_s of each phase
}

// Run runs a spec in this process and measures it. tell gets a rebuild's events, it may be nil.
func Run(ctx context.Context, s Spec, tell func(report.Event)) (Outcome, error) {
	switch s.Do {
	case "":
	case Verify, Repair:
		return verifyOrRepair(ctx, s)
	case Fold:
		return replay(ctx, s)
	default:
		return Outcome{}, fmt.Errorf("the engine cannot %q", s.Do)
	}
	m, err := s.model()
	if err != nil {
		return Outcome{}, err
	}
	source, err := postgres.New(m.source)
	if err != nil {
		return Outcome{}, err
	}
	w := newWatch(s, tell)
	target, err := s.target(ctx, w)
	if err != nil {
		return Outcome{}, err
	}
	r := projector.Rebuild{
		Projection: m.projection, Source: watchedSource{source, w}, Target: target, Observe: w.observe,
		Owner:  sinks.Owner{Run: "bench-" + time.Now().UTC().Format("20060102t150405.000"), PID: os.Getpid(), Verb: "rebuild"},
		NoSwap: s.Target == "null",
	}
	var behind lags
	end := func() error { return nil }
	if s.Live {
		r.Observe = func(e report.Event) { behind.observe(e); w.observe(e) }
		if end, err = live(ctx, &r, source); err != nil {
			return Outcome{}, err
		}
	}
	before := read()
	record, err := r.Run(ctx)
	after := read()
	if err = errors.Join(err, end()); err != nil {
		return Outcome{}, fmt.Errorf("rebuild into %s: %w", s.Target, err)
	}
	o := Outcome{Record: record, Readers: max(1, m.source.MaxConnections-1), Seconds: w.seconds(), Figures: w.figures()}
	after.add(o.Figures, before, record.Ledger.Written)
	o.Figures[figure.OwnCPU] -= w.overhead
	if s.Live {
		behind.add(o.Figures)
	}
	o.Figures[figure.Retries] = float64(record.Ledger.Retries)
	o.Figures["throttled"] = float64(record.Ledger.Throttled)
	o.Figures[figure.Whole] = record.Seconds
	for _, p := range record.Phases {
		o.Figures["phase_"+strings.ReplaceAll(string(p.Phase), "-", "_")+"_s"] = p.Seconds
	}
	return o, nil
}

func (s Spec) target(ctx context.Context, w *watch) (sinks.Target, error) {
	switch s.Target {
	case "null":
		return nullTarget{null.New(s.Alias)}, nil
	case "elasticsearch", "opensearch":
		return elastic.Dial(ctx, elastic.Config{
			Addresses: []string{s.Search}, Alias: s.Alias,
			Wrap: func(rt http.RoundTripper) http.RoundTripper { return &stopwatch{next: rt, watch: w} },
		})
	}
	return nil, fmt.Errorf("unknown target %q: null, elasticsearch or opensearch", s.Target)
}

// reading is what the process has used so far.
type reading struct {
	memory runtime.MemStats
	gcCPU  float64
}

func read() reading {
	var r reading
	runtime.ReadMemStats(&r.memory)
	sample := []metrics.Sample{{Name: "/cpu/classes/gc/total:cpu-seconds"}}
	metrics.Read(sample)
	r.gcCPU = sample[0].Value.Float64()
	return r
}

func (r reading) add(figures map[string]float64, before reading, documents int64) {
	docs := float64(max(documents, 1))
	figures[figure.OwnCPU] = ownCPU()
	figures[figure.RSS] = peakRSS()
	figures[figure.Allocs] = float64(r.memory.Mallocs-before.memory.Mallocs) / docs
	figures["alloc_bytes_per_doc"] = float64(r.memory.TotalAlloc-before.memory.TotalAlloc) / docs
	figures["gc_runs"] = float64(r.memory.NumGC - before.memory.NumGC)
	figures["gc_cpu_s"] = r.gcCPU - before.gcCPU
}
