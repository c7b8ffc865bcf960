package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"humpty/bench/internal/page"
	"humpty/bench/internal/result"
	"humpty/internal/testenv/shop"
)

// runVerb measures everything side by side, and keeps the results.
type runVerb struct {
	*bench
	fast, full, events bool
	target             string
}

func (v *runVerb) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "run --quick|--full|--events",
		Short: "Measure the rebuild beside its limits and keep the results",
		Long: `Measure everything side by side, interleaved and repeated, and write one JSON line a
measurement into --results. The last line on stdout is the headline:

  e2e_vs_limit            rebuild ÷ both ends at once, median of the pairs with its interval
  null_vs_copy            rebuild into the null sink ÷ raw COPY over as many connections
  cpu_s_per_million_docs  of the engine's process, null sink
  rss_mb                  its peak memory, null sink
  naive_vs_rebuild        how many times slower a naive loop is, by rate

--quick: shape plain, 100,000 orders, 3 pairs, half a million events; under 8 minutes on 2 cores.
--full:  300,000 orders, 7 pairs, shape rich too, Elasticsearch and OpenSearch, a grid of
         27, two million events, and how cost grows with data and connections; under an hour.
         With fewer --orders everything else shrinks too: 2,000 try each part in minutes.
--events: only what is folded of half a million events beside raw fetch, 7 pairs, without
         the headline: two minutes.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkTarget(v.target, "elasticsearch", "opensearch"); err != nil {
				return err
			}
			p := quick()
			if v.full {
				p = fullPlan()
			}
			if v.events {
				return v.onlyEvents(cmd.Context())
			}
			return v.everything(cmd.Context(), p.sized(v.data.orders))
		},
	}
	cmd.Flags().BoolVar(&v.fast, "quick", false, "minutes: for every commit")
	cmd.Flags().BoolVar(&v.full, "full", false, "under an hour: for claims")
	cmd.Flags().BoolVar(&v.events, "events", false, "two minutes: what events cost, and nothing else")
	cmd.MarkFlagsMutuallyExclusive("quick", "full", "events")
	cmd.MarkFlagsOneRequired("quick", "full", "events")
	cmd.Flags().StringVar(&v.target, "target", "elasticsearch", "elasticsearch or opensearch")
	v.servers.bind(cmd.Flags())
	v.data.bind(cmd.Flags())
	v.data.bindWriting(cmd.Flags())
	return cmd
}

// everything is a run from end to end.
func (v *runVerb) everything(ctx context.Context, p plan) (err error) {
	v.data.orders = p.orders
	products := []string{v.target}
	if p.secondPairs > 0 {
		products = append(products, otherProduct(v.target))
	}
	started := products
	if p.events > 0 {
		started = append(slices.Clone(products), productKafka)
	}
	l, err := newLab(ctx, v.bench, p.mode, started...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close(ctx)) }()
	if err := l.rec.keep(v.results); err != nil {
		return err
	}
	s := &session{&limits{lab: l}}
	if err := s.plain(ctx, p, products); err != nil {
		return err
	}
	if err := (eventRuns{l}).pairs(ctx, p); err != nil {
		return err
	}
	if p.rich > 0 && l.shape != shop.Rich && v.data.tpch == "" {
		if err := s.richer(ctx, p, v.target); err != nil {
			return err
		}
	}
	if p.growth.base > 0 && v.data.tpch == "" {
		if err := s.scales(ctx, p.growth); err != nil {
			return err
		}
	}
	if err := v.finish(l); err != nil {
		return err
	}
	return v.headline(result.HeadlineOf(l.rec.all, v.data.label(shop.Shape(v.data.shape)), v.target))
}

// onlyEvents is the part about events.
func (v *runVerb) onlyEvents(ctx context.Context) (err error) {
	p := plan{mode: shapeEvents, pairs: 7, events: quick().events, warmups: 1}
	l, err := newLab(ctx, v.bench, p.mode, productKafka)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close(ctx)) }()
	if err := l.rec.keep(v.results); err != nil {
		return err
	}
	if err := (eventRuns{l}).pairs(ctx, p); err != nil {
		return err
	}
	return v.finish(l)
}

// finish names the file of a run that is complete, and shows it.
func (v *runVerb) finish(l *lab) error {
	if err := l.rec.complete(); err != nil {
		return err
	}
	l.say("kept in %s", l.rec.path)
	if v.json {
		return v.print(l.rec.all)
	}
	_, err := fmt.Fprint(v.out, page.Markdown([][]result.Result{l.rec.all})+"\n")
	return err
}

func otherProduct(target string) string {
	if target == "elasticsearch" {
		return "opensearch"
	}
	return "elasticsearch"
}
