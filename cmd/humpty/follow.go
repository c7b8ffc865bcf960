package main

import (
	"cmp"
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/marks"
	"humpty/internal/problem"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/report"
)

func (a *app) followCommand() *cobra.Command {
	var metrics string
	cmd := &cobra.Command{
		Use:   "follow [PROJECTION…]",
		Short: "Keep indexes equal to their sources: humpty as the live projector",
		Long: `follow goes on where a rebuild with writer: follow ended: what changes in the tables is read
again and written to what the alias serves, until it is stopped. Without a projection it
follows all that have writer: follow. It goes on where it was when it is started again: the
database keeps its log for it meanwhile. A rebuild may run beside it; when the alias serves
the next generation, it goes on with that one. With keep.feed_previous it feeds the
generation before, too, so that humpty rollback loses nothing.

It says how far it is behind: bytes of the database's log that were not read yet, bytes of
log that the database holds for it, documents that are due, and how many it writes a
second. A signal stops it, and that is no failure (exit code 0). It ends with an error when
the log is lost (rebuild), or when documents are rejected, or events poison, beyond the limit.
--metrics serves the same for Prometheus.`,
		Example: `  humpty follow                  # every projection with writer: follow
  humpty follow orders customers --json`,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		c, err := a.load(cmd)
		if err != nil {
			return err
		}
		followed, err := a.followed(c, args)
		if err != nil {
			return err
		}
		return a.follow(cmd.Context(), c, followed, metrics)
	})
	cmd.Flags().StringVar(&metrics, "metrics", "", "serve lag, rate and what is due for Prometheus at this address of this machine: 127.0.0.1:9187")
	limitFlags(cmd)
	return cmd
}

// followed are the projections that the arguments name, or all that have writer: follow.
func (a *app) followed(c *config.Config, names []string) ([]config.Projection, error) {
	var all []config.Projection
	for _, p := range c.Projections {
		if len(names) == 0 && p.Writer == string(projector.WriterFollow) {
			all = append(all, p)
		}
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names))) {
		p, err := c.Projection(name)
		if err != nil {
			return nil, err
		}
		if p.Writer != string(projector.WriterFollow) {
			return nil, &problem.Refusal{
				Why:    fmt.Sprintf("projection %s has writer: %s: the application writes to its index, and to follow would undo its writes", p.Name, p.Writer),
				Remedy: fmt.Sprintf("if nobody else writes to it: consistency: live and writer: follow, then humpty rebuild %s", p.Name),
			}
		}
		all = append(all, p)
	}
	if len(all) == 0 {
		return nil, &problem.Refusal{
			Why:    "no projection has writer: follow",
			Remedy: "add consistency: live and writer: follow to one, rebuild it, then follow it",
		}
	}
	return all, nil
}

func (a *app) follow(ctx context.Context, c *config.Config, all []config.Projection, metrics string) error {
	state, err := a.state(c)
	if err != nil {
		return err
	}
	w := &watched{
		app: a, since: map[string]time.Time{}, lag: map[string]report.Lag{},
		told: map[string]time.Time{}, of: map[string]string{}, notices: map[string]int{},
	}
	status := w.status
	a.status.Store(&status)
	var follows []*projector.Follow
	for _, p := range all {
		r, err := assemble.Rebuild(ctx, c, p, "follow", nil)
		if err != nil {
			return err
		}
		assemble.Live(r.Source, state, p.Name)
		letters := a.lettersOf(p.Name, r.Owner.Run)
		defer letters.Close() //nolint:errcheck // what it could not write, Put has told
		assemble.Letters(r.Source, letters)
		follows = append(follows, &projector.Follow{
			Projection: r.Projection, Source: r.Source, Target: r.Target, KeepPrevious: p.Feed, MaxOutage: r.MaxOutage,
			Observe: func(e report.Event) { w.observe(p.Name, e) },
			Open:    func(run string) (*marks.Store, error) { return state.Open(p.Name, run) },
		})
	}
	group, ctx := errgroup.WithContext(ctx)
	if metrics != "" {
		listener, err := a.listenMetrics(ctx, metrics)
		if err != nil {
			return err
		}
		group.Go(func() error { return w.serveMetrics(ctx, listener) })
	}
	for _, f := range follows {
		group.Go(func() error { return f.Run(ctx) })
	}
	return group.Wait()
}

// watched tells how several projections are followed.
type watched struct {
	app *app

	mu    sync.Mutex
	since map[string]time.Time // by generation: when it was told of
	lag   map[string]report.Lag

	told    map[string]time.Time // by generation
	of      map[string]string    // the projection of a generation
	notices map[string]int       // by projection
}

func (w *watched) observe(projection string, e report.Event) {
	w.mu.Lock()
	defer w.mu.Unlock()
	text := e.Text
	switch e.Kind {
	case report.Started:
		text = "follow " + projection
	case report.Notice:
		w.notices[projection]++
	case report.Ended:
		text = "stopped: " + projection
	case report.Lagging:
		w.lag[e.Lag.Generation], w.told[e.Lag.Generation], w.of[e.Lag.Generation] = *e.Lag, e.At, projection
		if e.At.Sub(w.since[e.Lag.Generation]) < w.app.flags.interval {
			return
		}
		w.since[e.Lag.Generation] = e.At
		text = e.Lag.Generation + ": " + ui.Behind(*e.Lag)
	}
	if w.app.flags.json {
		w.app.line(eventLine{Schema: 1, Type: string(e.Kind), At: e.At, Phase: e.Phase, Projection: projection, Text: text, Lag: e.Lag})
	}
	if !w.app.flags.quiet {
		fmt.Fprintf(w.app.err, "%-9s %s\n", cmp.Or(map[report.Kind]string{report.Notice: "notice"}[e.Kind], "follow"), indent(text))
	}
}

// status is one line for all of them.
func (w *watched) status() string {
	w.mu.Lock()
	defer w.mu.Unlock()
	var all []string
	for _, generation := range slices.Sorted(maps.Keys(w.lag)) {
		all = append(all, generation+": "+ui.Behind(w.lag[generation]))
	}
	return "follow: " + strings.Join(all, "; ")
}
