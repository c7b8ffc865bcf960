package lag

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/cmd/humpty/internal/console"
	"humpty/projector/report"
)

func TestMetricsOfFollow(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	m := NewMonitor(&console.Console{Out: console.NewSink(&out), Err: &out, Quiet: true, Env: func(string) (string, bool) { return "", false }})
	at := time.UnixMilli(1_700_000_000_500)
	m.Observe("orders", report.Event{Kind: report.Started, At: at})
	m.Stopped("customers", errors.New("its log is lost"))
	m.Observe("orders", report.Event{Kind: report.Lagging, At: at, Lag: &report.Lag{Generation: "orders-1", Behind: 300, Held: 5000, Backlog: 7, Rate: 12.5, Refused: 3, Poison: 2, Aside: "3 documents were rejected"}})
	m.Observe("orders", report.Event{Kind: report.Notice, At: at, Text: "the source is away"})
	m.Observe("orders", report.Event{Kind: report.Lagging, At: at, Lag: &report.Lag{Generation: "orders-0", Held: 7}})
	m.Observe("orders", report.Event{Kind: report.Lagging, At: at, Lag: &report.Lag{Generation: "orders-0", Ended: true}})
	ctx, cancel := context.WithCancel(t.Context())
	l, err := m.Listen(ctx, "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var group errgroup.Group
	group.Go(func() error { return m.Serve(ctx, l) })
	resp, err := http.Get("http://" + l.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	page, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	cancel()
	if err := group.Wait(); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{
		"# TYPE humpty_source_lag_bytes gauge",
		`humpty_source_lag_bytes{projection="orders",generation="orders-1"} 300`,
		`humpty_source_held_bytes{projection="orders",generation="orders-1"} 5000`,
		`humpty_dirty_keys{projection="orders",generation="orders-1"} 7`,
		`humpty_documents_per_second{projection="orders",generation="orders-1"} 12.5`,
		`humpty_last_told_timestamp_seconds{projection="orders",generation="orders-1"} 1.7000000005e+09`,
		`humpty_refused_documents{projection="orders",generation="orders-1"} 3`,
		`humpty_poison_events{projection="orders",generation="orders-1"} 2`,
		`humpty_set_aside{projection="orders",generation="orders-1"} 1`,
		`humpty_stopped{projection="orders"} 0`,
		`humpty_stopped{projection="customers"} 1`,
		"# TYPE humpty_troubles_total counter",
		`humpty_troubles_total{projection="orders",generation="orders-1"} 1`,
	} {
		if !strings.Contains(string(page), line+"\n") {
			t.Errorf("missing %s in\n%s", line, page)
		}
	}
	if strings.Contains(string(page), "orders-0") {
		t.Errorf("a generation whose time is over is there:\n%s", page)
	}
	for _, address := range []string{"0.0.0.0:9187", ":9187", "example.com:9187", "9187"} {
		if _, err := m.Listen(t.Context(), address); err == nil || !strings.Contains(err.Error(), "of this machine alone") {
			t.Errorf("%s: %v", address, err)
		}
	}
}
