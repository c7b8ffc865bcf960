package engine

import (
	"context"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
	"humpty/projector/report"
	"humpty/sources"
	"humpty/sources/postgres"
)

// watch notes when things happen in a run: from its events, and from the requests that
// pass through the transport.
type watch struct {
	tell             func(report.Event)
	postgres, search int  // processes, 0: not known
	apart            bool // what the servers use in the load alone is read, too: tenths of a second behind it

	mu        sync.Mutex
	phase     report.Phase
	began     time.Time // of the first read
	loaded    time.Time
	refreshed time.Time // end of the first refresh after the load
	latencies []float64 // of bulk requests, milliseconds
	cpu       [2]usage  // of the servers, when the load began and when it was refreshed
	own       [2]float64
	inLoad    usage   // where it is read
	overhead  float64 // seconds of own CPU that measuring took, while nothing else ran
}

type usage struct{ postgres, search float64 }

// newWatch finds the servers' processes. That, and reading what they used, looks at every
// process of the machine: tenths of a second where there are many, and no work of the engine.
func newWatch(s Spec, tell func(report.Event)) *watch {
	start := ownCPU()
	w := &watch{tell: tell, postgres: Server(s.DSN), search: Server(s.Search), apart: s.LoadOnly}
	w.overhead = ownCPU() - start
	return w
}

func (w *watch) servers() usage {
	start := ownCPU()
	u := usage{CPU(w.postgres), CPU(w.search)}
	w.overhead += ownCPU() - start
	return u
}

func (w *watch) observe(e report.Event) {
	w.mu.Lock()
	switch {
	case e.Kind == report.Started:
		w.phase = e.Phase
		if e.Phase == report.PhaseLoad {
			w.cpu[0] = w.servers()
			w.own[0] = ownCPU()
		}
	case e.Kind == report.Ended && e.Phase == report.PhaseLoad:
		w.loaded, w.own[1] = time.Now(), ownCPU()
		if w.search == 0 { // else the refresh comes first: reading /proc would delay it
			w.cpu[1] = w.servers()
		}
		if w.apart {
			w.inLoad = w.servers()
		}
	}
	w.mu.Unlock()
	if w.tell != nil {
		w.tell(e)
	}
}

// open notes the first read.
func (w *watch) open() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.began.IsZero() {
		w.began = time.Now()
	}
}

// watchedSource says when it is opened.
type watchedSource struct {
	*postgres.Source
	watch *watch
}

// Open implements sources.Source.
func (s watchedSource) Open(ctx context.Context) (sources.View, error) {
	s.watch.open()
	return s.Source.Open(ctx)
}

// seconds from the first read to the end of the refresh, or of the load where nothing
// was refreshed.
func (w *watch) seconds() float64 {
	end := w.loaded
	if !w.refreshed.IsZero() {
		// Between the end of the load and the refresh there is only what the engine does.
		end = w.refreshed
	}
	return end.Sub(w.began).Seconds()
}

func (w *watch) figures() map[string]float64 {
	f := map[string]float64{
		"load_own_cpu_s": w.own[1] - w.own[0],
		"bulk_requests":  float64(len(w.latencies)),
	}
	if w.postgres != 0 {
		f[figure.PostgresCPU] = w.cpu[1].postgres - w.cpu[0].postgres
	}
	if w.search != 0 {
		f[figure.SearchCPU] = w.cpu[1].search - w.cpu[0].search
	}
	if w.apart && w.postgres != 0 && w.search != 0 {
		f[figure.LoadCPU] = f["load_own_cpu_s"] + w.inLoad.postgres - w.cpu[0].postgres + w.inLoad.search - w.cpu[0].search
	}
	if len(w.latencies) > 0 {
		f[figure.BulkP50] = result.Quantile(w.latencies, 0.50)
		f[figure.BulkP99] = result.Quantile(w.latencies, 0.99)
	}
	return f
}

// stopwatch times bulk requests to the last byte of their answer, and sees the refresh.
type stopwatch struct {
	next  http.RoundTripper
	watch *watch
}

func (s *stopwatch) RoundTrip(req *http.Request) (*http.Response, error) {
	start := time.Now()
	res, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	switch path := req.URL.Path; {
	case strings.HasSuffix(path, "/_bulk"):
		res.Body = &timedBody{ReadCloser: res.Body, done: func() { s.watch.bulk(time.Since(start)) }}
	case strings.HasSuffix(path, "/_refresh"):
		res.Body = &timedBody{ReadCloser: res.Body, done: s.watch.refresh}
	}
	return res, nil
}

func (w *watch) bulk(took time.Duration) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.latencies = append(w.latencies, took.Seconds()*1e3)
}

func (w *watch) refresh() {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.phase == report.PhaseSeal && w.refreshed.IsZero() {
		w.refreshed = time.Now()
		w.cpu[1] = w.servers()
	}
}

// timedBody says when an answer was read to its end, or closed, once.
type timedBody struct {
	io.ReadCloser
	done func()
	said bool
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.ReadCloser.Read(p)
	if err != nil {
		b.end()
	}
	return n, err
}

func (b *timedBody) Close() error {
	b.end()
	return b.ReadCloser.Close()
}

func (b *timedBody) end() {
	if !b.said {
		b.said = true
		b.done()
	}
}
