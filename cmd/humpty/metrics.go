package main

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
)

// listenMetrics opens the address of the metrics: of this machine only, since the page says
// what there is without asking who reads it.
func (a *app) listenMetrics(ctx context.Context, address string) (net.Listener, error) {
	host, _, err := net.SplitHostPort(address)
	if ip := net.ParseIP(host); err != nil || host != "localhost" && (ip == nil || !ip.IsLoopback()) {
		return nil, &usageError{fmt.Sprintf("--metrics %s is no address of this machine alone", address), "humpty follow --metrics 127.0.0.1:9187; a proxy in front of it can serve others"}
	}
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", address)
	if err != nil {
		return nil, fmt.Errorf("serve metrics: %w", err)
	}
	if !a.flags.quiet {
		fmt.Fprintf(a.err, "%-9s http://%s/metrics\n", "metrics", l.Addr())
	}
	return l, nil
}

// serveMetrics serves the page until ctx ends.
func (w *watched) serveMetrics(ctx context.Context, l net.Listener) error {
	mux := http.NewServeMux()
	mux.HandleFunc("GET /metrics", func(out http.ResponseWriter, _ *http.Request) {
		out.Header().Set("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
		_, _ = io.WriteString(out, w.metrics()) // who asked may have gone
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

// metrics is the page, in the text format of Prometheus.
func (w *watched) metrics() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var page strings.Builder
	for _, m := range []struct {
		name, kind, help string
		value            func(generation string) float64
	}{
		{"humpty_source_lag_bytes", "gauge", "Bytes of the source's log that were not read yet.", func(g string) float64 { return float64(w.lag[g].Behind) }},
		{"humpty_source_held_bytes", "gauge", "Bytes of log that the source holds for the capture.", func(g string) float64 { return float64(w.lag[g].Held) }},
		{"humpty_dirty_keys", "gauge", "Marks that are due, up to 100000.", func(g string) float64 { return float64(w.lag[g].Backlog) }},
		{"humpty_documents_per_second", "gauge", "Documents read again a second, over the last second.", func(g string) float64 { return w.lag[g].Rate }},
		{"humpty_last_told_timestamp_seconds", "gauge", "When these were measured.", func(g string) float64 { return float64(w.told[g].UnixMilli()) / 1000 }},
		{"humpty_troubles_total", "counter", "Failures after which it was tried again, and other notices.", func(g string) float64 { return float64(w.notices[w.of[g]]) }},
	} {
		fmt.Fprintf(&page, "# HELP %s %s\n# TYPE %[1]s %[3]s\n", m.name, m.help, m.kind)
		for _, generation := range slices.Sorted(maps.Keys(w.lag)) {
			fmt.Fprintf(&page, "%s{projection=%q,generation=%q} %g\n", m.name, w.of[generation], generation, m.value(generation))
		}
	}
	return page.String()
}
