package lag

import (
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"slices"
	"strings"
	"time"

	"golang.org/x/sync/errgroup"

	"humpty/cmd/humpty/internal/console"
)

// Listen opens the address of the page: of this machine only, since it says what there is
// without asking who reads it.
func (m *Monitor) Listen(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, console.Usage(fmt.Sprintf("--metrics %s is no address of this machine alone", address), "humpty follow --metrics 127.0.0.1:9187; a proxy in front of it can serve others")
	}
	var listening net.ListenConfig
	l, err := listening.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	if !m.console.Quiet {
		fmt.Fprintf(m.console.Err, "%-9s http://%s/metrics\n", "metrics", l.Addr())
	}
	return l, nil
}

// Serve serves the page until ctx ends.
func (m *Monitor) Serve(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = io.WriteString(out, m.page()) // who asked may have gone
	})
	server := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second}
	var group errgroup.Group
	group.Go(func() error {
		<-ctx.Done()
		return server.Close()
	})
	err := server.Serve(l)
	if errors.Is(err, http.ErrServerClosed) {
		err = nil
	}
	return errors.Join(err, group.Wait())
}

func one(so bool) float64 {
	if so {
		return 1
	}
	return 0
}

// page is in the text format of Prometheus.
func (m *Monitor) page() string {
	m.mu.Lock()
	defer m.mu.Unlock()
	var page strings.Builder
	for _, metric := range []struct {
		name, kind, help string
		value            func(generation string) float64
	}{
		{"humpty_source_lag_bytes", "gauge", "Bytes of the source's log that were not read yet.", func(g string) float64 { return float64(m.lag[g].Behind) }},
		{"humpty_source_held_bytes", "gauge", "Bytes of log that the source holds for the capture.", func(g string) float64 { return float64(m.lag[g].Held) }},
		{"humpty_dirty_keys", "gauge", "Marks that are due, up to 100000.", func(g string) float64 { return float64(m.lag[g].Backlog) }},
		{"humpty_documents_per_second", "gauge", "Documents read again a second, over the last second.", func(g string) float64 { return m.lag[g].Rate }},
		{"humpty_refused_documents", "gauge", "Documents that source or target refuse now; the index has an older one, or none.", func(g string) float64 { return float64(m.lag[g].Refused) }},
		{"humpty_poison_events", "gauge", "Events that could not be read or applied, and were left out.", func(g string) float64 { return float64(m.lag[g].Poison) }},
		{"humpty_set_aside", "gauge", "1 while a projection is not kept up to date, since more of it is refused than the limit allows.", func(g string) float64 { return one(m.lag[g].Aside != "") }},
		{"humpty_last_told_timestamp_seconds", "gauge", "When these were measured.", func(g string) float64 { return float64(m.measured[g].UnixMilli()) / 1000 }},
		{"humpty_troubles_total", "counter", "Failures after which it was tried again, and other notices.", func(g string) float64 { return float64(m.notices[m.projections[g]]) }},
	} {
		fmt.Fprintf(&page, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", metric.name, metric.help, metric.kind)
		for _, generation := range slices.Sorted(maps.Keys(m.lag)) {
			fmt.Fprintf(&page, "%s{projection=%q,generation=%q} %g\n", metric.name, m.projections[generation], generation, metric.value(generation))
		}
	}
	fmt.Fprint(&page, "# HELP humpty_stopped 1 when a projection has failed for a reason that stays, while others go on.\n# TYPE humpty_stopped gauge\n")
	for _, projection := range slices.Sorted(maps.Keys(m.stopped)) {
		fmt.Fprintf(&page, "humpty_stopped{projection=%q} %g\n", projection, one(m.stopped[projection]))
	}
	return page.String()
}
