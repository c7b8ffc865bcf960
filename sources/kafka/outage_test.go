package kafka_test

import (
	"fmt"
	"io"
	"net"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/twmb/franz-go/pkg/kfake"

	"humpty/internal/problem"
	"humpty/sources"
	"humpty/sources/kafka"
)

// network lies between the reader and its brokers; the listeners are those that the
// brokers advertise, so no connection goes around it.
type network struct {
	silent atomic.Bool  // half open: what brokers answer is lost, and nobody is told
	rate   atomic.Int64 // bytes that a broker sends in 10 ms; 0: no matter
	mu     sync.Mutex
	conns  []net.Conn
	cut    bool
}

func (n *network) listen(network, address string) (net.Listener, error) {
	l, err := (&net.ListenConfig{}).Listen(nil, network, address) //nolint:staticcheck // kfake has none to give
	return listener{l, n}, err
}

type listener struct {
	net.Listener
	of *network
}

func (l listener) Accept() (net.Conn, error) {
	c, err := l.Listener.Accept()
	if err != nil {
		return nil, err
	}
	l.of.mu.Lock()
	defer l.of.mu.Unlock()
	if l.of.cut {
		_ = c.Close()
	}
	l.of.conns = append(l.of.conns, c)
	return wire{c, l.of}, nil
}

type wire struct {
	net.Conn
	of *network
}

func (w wire) Write(b []byte) (n int, err error) {
	for n < len(b) && err == nil {
		if w.of.silent.Load() {
			return len(b), nil
		}
		piece := b[n:]
		if rate := int(w.of.rate.Load()); rate > 0 && len(piece) > rate {
			piece = piece[:rate]
			<-time.After(10 * time.Millisecond)
		}
		var m int
		m, err = w.Conn.Write(piece)
		n += m
	}
	return n, err
}

// sever ends all connections, and those to come, until it is called again.
func (n *network) sever(cut bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.cut = cut
	for _, c := range n.conns {
		_ = c.Close()
	}
	n.conns = nil
}

// distant is a topic of 50 events behind a network, and a reader that has read one.
func distant(t *testing.T, cfg kafka.Config) (*network, *kafka.Source, sources.View, sources.Reader, *sources.Batch) {
	t.Helper()
	n := &network{}
	c := fake(t, kfake.NumBrokers(2), kfake.ListenFn(n.listen))
	b := newBus(t, c.ListenAddrs())
	for i := range 50 {
		b.put(rec("events", 0, "k", fmt.Sprint(i)))
	}
	cfg.Brokers, cfg.Topics, cfg.Fetch = c.ListenAddrs(), []kafka.Topic{{Name: "events"}}, 1
	s, plan, view := open(t, cfg)
	r, err := view.Read(t.Context(), plan.Partitions[0], "")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = r.Close(t.Context()) })
	batch := &sources.Batch{Limit: 1}
	if err := r.Next(t.Context(), batch); err != nil {
		t.Fatal(err)
	}
	return n, s, view, r, batch
}

// on reads to the end, and returns how many events came and the last offset.
func on(t *testing.T, r sources.Reader, batch *sources.Batch) (events int, err error) {
	t.Helper()
	for {
		batch.Reset()
		if err := r.Next(t.Context(), batch); err != nil {
			return events, err
		}
		for _, record := range batch.Records {
			if want := fmt.Sprint(events + 1); string(record.Value) != want {
				t.Fatalf("event %s where %s was to come", record.Value, want)
			}
			events++
		}
	}
}

// Connections are half open: an answer has a time, then it is an outage, not a wait for
// ever; when answers come again, the same reader goes on, and no event is skipped.
func TestHalfOpen(t *testing.T) {
	t.Parallel()
	n, s, view, r, batch := distant(t, kafka.Config{ResponseTimeout: 100 * time.Millisecond, RetryTime: 200 * time.Millisecond})
	n.silent.Store(true)
	read, err := on(t, r, batch)
	if !s.IsUnavailable(err) {
		t.Fatalf("%v (%T) is no outage", err, err)
	}
	contains(t, "half open", err, "after", "no broker of", "nothing has come for 100ms")
	for name, ask := range map[string]func() error{
		"plan": func() error { _, err := s.Plan(t.Context()); return err },
		"open": func() error { _, err := s.Open(t.Context()); return err },
		"ends": func() error { _, err := view.(sources.Tailer).LatestOffsets(t.Context()); return err }, //nolint:forcetypeassert // it is
	} {
		if err := ask(); !s.IsUnavailable(err) {
			t.Errorf("%s: %v is no outage", name, err)
		}
	}
	n.silent.Store(false)
	n.sever(false)
	rest := &resumingReader{r, read}
	if got, err := rest.on(t, batch); err != io.EOF || got != 49 { //nolint:errorlint // as a reader gives it
		t.Errorf("%d events, then %v", got, err)
	}
}

// resumingReader reads again where a reader gave an error.
type resumingReader struct {
	sources.Reader
	had int
}

func (r *resumingReader) on(t *testing.T, batch *sources.Batch) (int, error) {
	t.Helper()
	for {
		batch.Reset()
		if err := r.Next(t.Context(), batch); err != nil {
			return r.had, err
		}
		for _, record := range batch.Records {
			if r.had++; string(record.Value) != fmt.Sprint(r.had) {
				t.Fatalf("event %s where %d was to come", record.Value, r.had)
			}
		}
	}
}

// Connections are cut, and so is every new one.
func TestCut(t *testing.T) {
	t.Parallel()
	n, s, _, r, batch := distant(t, kafka.Config{RetryTime: 100 * time.Millisecond})
	n.sever(true)
	read, err := on(t, r, batch)
	if !s.IsUnavailable(err) {
		t.Fatalf("%v (%T) is no outage", err, err)
	}
	n.sever(false)
	rest := &resumingReader{r, read}
	if got, err := rest.on(t, batch); err != io.EOF || got != 49 { //nolint:errorlint // as a reader gives it
		t.Errorf("%d events, then %v", got, err)
	}
}

// One that waits longer says why, and goes on where it was.
func TestOutageIsWaitedOutByAReader(t *testing.T) {
	t.Parallel()
	said := make(chan string, 100)
	n, s, _, r, batch := distant(t, kafka.Config{RetryTime: 10 * time.Millisecond})
	s.RetryOutages(time.Minute, func(why string) {
		select {
		case said <- why:
		default:
		}
	})
	n.sever(true)
	done := make(chan error, 1)
	rest := &resumingReader{r, 0}
	time.AfterFunc(0, func() {
		_, err := rest.on(t, batch)
		done <- err
	})
	contains(t, "waiting", fmt.Errorf("%s", <-said), "events/0", "up to 1m0s", "no broker of")
	n.sever(false)
	if err := <-done; err != io.EOF || rest.had != 49 { //nolint:errorlint // as a reader gives it
		t.Errorf("%d events, then %v", rest.had, err)
	}
}

// A large answer over a slow line takes longer than a broker may be silent.
func TestSlowAnswer(t *testing.T) {
	t.Parallel()
	n := &network{}
	c := fake(t, kfake.NumBrokers(1), kfake.ListenFn(n.listen))
	b := newBus(t, c.ListenAddrs())
	b.put(rec("events", 0, "k", string(make([]byte, 100_000))))
	s, plan, view := open(t, kafka.Config{Brokers: c.ListenAddrs(), Topics: []kafka.Topic{{Name: "events"}}, ResponseTimeout: 150 * time.Millisecond, RetryTime: time.Millisecond})
	n.rate.Store(2000) // half a second
	if events, _, err := drain(t, view, plan.Partitions[0], "", 1<<20); err != nil || len(events) != 1 {
		t.Errorf("%d events, %v; an outage: %v", len(events), err, s.IsUnavailable(err))
	}
}

// What stays so however long one waits is no outage.
func TestFaultsAreNoOutage(t *testing.T) {
	t.Parallel()
	s, err := kafka.New(kafka.Config{Brokers: []string{"127.0.0.1:1"}, Topics: []kafka.Topic{{Name: "events"}}})
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{
		nil, &kafka.LostRecordsError{Topic: "events"}, &kafka.ChangedTopicError{Topic: "events"}, &kafka.DeniedError{Broker: "b", Why: io.EOF},
		&sources.ErrChangesLost{Why: "events are gone"},
		problem.List{},
		fmt.Errorf("close: %w", t.Context().Err()),
	} {
		if s.IsUnavailable(err) {
			t.Errorf("%v is an outage", err)
		}
	}
}
