package e2e_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"humpty/internal/testenv/devstack"
	"humpty/projector"
	"humpty/projector/pace"
	"humpty/sinks"
	"humpty/sinks/elastic"
	"humpty/sources"
	"humpty/sources/sourcetest"
)

// strain is a load of documents of a kilobyte into a server, and what its bulk requests met.
type strain struct {
	source *sourcetest.MemorySource
	target *elastic.Target
	alias  string
	next   http.RoundTripper
	hold   func() // called before each bulk request

	mu    sync.Mutex
	bulks []bulk
}

// bulk is the answer to one bulk request.
type bulk struct {
	at      time.Time
	bytes   int64
	refused bool
}

func newStrain(t *testing.T, address string, documents int) *strain {
	t.Helper()
	s := &strain{source: &sourcetest.MemorySource{Page: 1000}, alias: devstack.Name(t)}
	body := []byte(`{"text":"` + strings.Repeat("abcdefg ", 125) + `"}`)
	for i := range documents {
		s.source.Records = append(s.source.Records, sources.Record{Key: fmt.Append(nil, i), Value: body})
	}
	var err error
	s.target, err = elastic.Dial(t.Context(), elastic.Config{Addresses: []string{address}, Alias: s.alias, Wrap: func(next http.RoundTripper) http.RoundTripper {
		s.next = next
		return s
	}})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// RoundTrip books what becomes of bulk requests.
func (s *strain) RoundTrip(req *http.Request) (*http.Response, error) {
	if !strings.HasSuffix(req.URL.Path, "/_bulk") {
		return s.next.RoundTrip(req)
	}
	if s.hold != nil {
		s.hold()
	}
	res, err := s.next.RoundTrip(req)
	if err != nil {
		return nil, err
	}
	text, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	res.Body = io.NopCloser(bytes.NewReader(text))
	b := bulk{at: time.Now(), refused: res.StatusCode == http.StatusTooManyRequests || bytes.Contains(text, []byte(`"status":429`))}
	if res.StatusCode == http.StatusOK {
		b.bytes = req.ContentLength
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.bulks = append(s.bulks, b)
	return res, nil
}

func (s *strain) run(t *testing.T, limits projector.Limits) projector.Record {
	t.Helper()
	r := projector.Rebuild{
		Projection: projector.Projection{
			Name: "strain", Alias: s.alias, Versions: "class", Limits: limits, Verify: projector.VerifyPolicy{Level: projector.LevelCount},
			Index: []byte(`{"settings":{"number_of_shards":2,"number_of_replicas":0},"mappings":{"properties":{"text":{"type":"text"}}}}`),
		},
		Source: s.source, Target: s.target, Owner: sinks.Owner{Run: "strain"}, NoSwap: true,
	}
	rec, err := r.Run(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	if rec.Ledger.Written != int64(len(s.source.Records)) || !rec.Ledger.Balances() {
		t.Errorf("ledger %+v", rec.Ledger)
	}
	if err := s.target.Drop(t.Context(), rec.Generation); err != nil {
		t.Error(err)
	}
	return rec
}

// figures reports whether figures are asked for: go test -v -run 'SmallWriteQueue|ComesBack'
// on a machine that does nothing else.
func figures() bool { return os.Getenv("HUMPTY_FIGURES") != "" }

// sent is how many bytes were answered between two moments.
func (s *strain) sent(from, to time.Time) int64 {
	s.mu.Lock()
	defer s.mu.Unlock()
	var sum int64
	for _, b := range s.bulks {
		if b.at.After(from) && !b.at.After(to) {
			sum += b.bytes
		}
	}
	return sum
}

// TestSmallWriteQueue: a server whose queue of writes is small refuses some requests, and
// everything is written all the same; with HUMPTY_FIGURES, at most one request in a hundred
// once the pace has been found.
func TestSmallWriteQueue(t *testing.T) {
	documents := 15_000
	if figures() {
		documents = 150_000
	}
	stack := devstack.Private(t, devstack.Options{
		Servers: []devstack.Kind{devstack.KindElasticsearch},
		Config: map[devstack.Kind][]string{devstack.KindElasticsearch: {
			"cluster.routing.allocation.disk.threshold_enabled: false", "thread_pool.write.queue_size: 4", "node.processors: 2",
		}},
	})
	s := newStrain(t, stack.Addresses().Elasticsearch, documents)
	rec := s.run(t, projector.Limits{Batch: 128 << 10})
	const settling = 5 * time.Second
	early, refusedEarly, late, refusedLate := 0, 0, 0, 0
	for _, b := range s.bulks {
		switch settled := b.at.Sub(s.bulks[0].at) > settling; {
		case settled && b.refused:
			late++
			refusedLate++
		case settled:
			late++
		case b.refused:
			early++
			refusedEarly++
		default:
			early++
		}
	}
	t.Logf("%d of %d requests were refused in the first %v, %d of %d afterwards; %d decisions, the last: %+v",
		refusedEarly, early, settling, refusedLate, late, len(rec.Pace), rec.Pace[max(0, len(rec.Pace)-3):])
	if refusedEarly+refusedLate == 0 {
		t.Error("nothing was refused: the test shows nothing")
	}
	if figures() && late < 500 {
		t.Errorf("%d requests after settling are too few for the figure", late)
	}
	if late > 500 && float64(refusedLate) > 0.01*float64(late) {
		t.Errorf("%d of %d requests were refused after settling; decisions %+v", refusedLate, late, rec.Pace)
	}
}

// TestThroughputComesBack: a load goes on within five seconds after its server was away
// for some, and with HUMPTY_FIGURES comes back to its pace within five after ten.
func TestThroughputComesBack(t *testing.T) {
	t.Parallel()
	server := devstack.Elasticsearch(t)
	to, err := url.Parse(server)
	if err != nil {
		t.Fatal(err)
	}
	var down atomic.Bool
	forward := httputil.NewSingleHostReverseProxy(to)
	forward.ErrorLog = log.New(io.Discard, "", 0)
	proxy := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if down.Load() {
			panic(http.ErrAbortHandler) // cuts the connection
		}
		forward.ServeHTTP(w, r)
	}))
	defer proxy.Close()
	documents, rate, before, away := 16_000, int64(2e6), 2*time.Second, 3*time.Second
	if figures() {
		documents, rate, before, away = 100_000, 8e6, 3*time.Second, 10*time.Second
	}
	s := newStrain(t, proxy.URL, documents)
	var begin, end time.Time
	const after = 5 * time.Second
	var once sync.Once
	timer := time.AfterFunc(time.Hour, func() {
		begin = time.Now()
		down.Store(true)
		proxy.CloseClientConnections() // with what is under way
	})
	back := time.AfterFunc(time.Hour, func() { end = time.Now(); down.Store(false) })
	defer timer.Stop()
	defer back.Stop()
	s.hold = func() { once.Do(func() { timer.Reset(before); back.Reset(before + away) }) }
	s.run(t, projector.Limits{Rate: rate}) // steady, and long enough to be cut
	if end.IsZero() || s.sent(begin.Add(time.Second), end) > 0 {
		t.Fatalf("the load was over before the server was back (%v), or went past it", end)
	}
	was := float64(s.sent(begin.Add(-2*time.Second), begin)) / 2
	best := 0.0
	for at := end.Add(time.Second); !at.After(end.Add(after)); at = at.Add(100 * time.Millisecond) {
		best = max(best, float64(s.sent(at.Add(-time.Second), at)))
	}
	t.Logf("%.1f MB/s before, %.1f MB/s in the best second of the five after the server was back", was/1e6, best/1e6)
	switch {
	case best == 0:
		t.Error("nothing was sent in the five seconds after the server was back")
	case figures() && best < 0.8*was: // on a machine that does nothing else
		t.Errorf("%.1f MB/s before, %.1f MB/s within %v after the server was back", was/1e6, best/1e6, after)
	}
}

// TestMemoryIsBoundedWhenTheTargetStalls: reading stops when what is in flight is enough.
func TestMemoryIsBoundedWhenTheTargetStalls(t *testing.T) {
	s := newStrain(t, devstack.Elasticsearch(t), 48_000) // three times what may be in flight
	const inFlight = 16 << 20
	var read atomic.Int64
	stalled, release := make(chan struct{}), make(chan struct{})
	var once sync.Once
	s.hold = func() {
		once.Do(func() { close(stalled) })
		<-release
	}
	before := resident(t)
	checked := make(chan struct{})
	watch := time.AfterFunc(time.Hour, func() {
		defer close(checked)
		defer close(release)
		if got := read.Load() << 10; got > 2*inFlight {
			t.Errorf("%d MB were read while nothing was taken, %d MB may be in flight", got>>20, inFlight>>20)
		}
		if grown := resident(t) - before; grown > 8*inFlight {
			t.Errorf("%d MB more memory while the target stalls", grown>>20)
		} else {
			t.Logf("%d MB were read, memory grew by %d MB", read.Load()>>10, grown>>20)
		}
	})
	defer watch.Stop()
	s.source.Fault = func(string, int) error {
		if read.Add(1) == 1 {
			watch.Reset(5 * time.Second) // all that would be read without a bound is read by then
		}
		return nil
	}
	s.run(t, projector.Limits{InFlight: inFlight, Batch: 1 << 20})
	<-stalled
	<-checked
}

// resident is the memory of this process.
func resident(t *testing.T) int64 {
	t.Helper()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		t.Skip("memory is only known on Linux")
	}
	var total, pages int64
	if _, err := fmt.Sscan(string(text), &total, &pages); err != nil {
		t.Fatal(err)
	}
	return pages * int64(os.Getpagesize())
}

// TestBrakeOnARealServer: no search is as quick as this limit, so the load goes slower.
func TestBrakeOnARealServer(t *testing.T) {
	t.Parallel()
	server := devstack.Elasticsearch(t)
	s := newStrain(t, server, 4_000)
	serving := s.alias + "-serves"
	for _, step := range [][2]string{{"/" + serving + "/_doc/1?refresh=true", `{"a":1}`}, {"/" + serving + "/_alias/" + s.alias, ""}} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, server+step[0], strings.NewReader(step[1]))
		if err != nil {
			t.Fatal(err)
		}
		req.Header.Set("Content-Type", "application/json")
		res, err := http.DefaultClient.Do(req)
		if err != nil || res.StatusCode/100 != 2 {
			t.Fatalf("%v, %v", res, err)
		}
		res.Body.Close()
	}
	t.Cleanup(func() {
		req, err := http.NewRequestWithContext(context.WithoutCancel(t.Context()), http.MethodDelete, server+"/"+serving, nil)
		if err != nil {
			t.Fatal(err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
		}
	})
	rec := s.run(t, projector.Limits{Rate: 1e6, Brake: map[int]time.Duration{50: time.Microsecond}})
	last := pace.Decision{}
	for _, d := range rec.Pace {
		if strings.Contains(d.Why, "(p50), the limit is 0 ms") {
			last = d
		}
	}
	if last.Requests == 0 || last.Requests > 3 {
		t.Errorf("decisions %+v", rec.Pace)
	}
}
