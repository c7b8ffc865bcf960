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

func (b *bench) runCommand() *cobra.Command {
	var fast, full, onlyEvents bool
	var target string
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
			if err := checkTarget(target, "elasticsearch", "opensearch"); err != nil {
				return err
			}
			p := quick()
			if full {
				p = fullPlan()
			}
			if onlyEvents {
				return b.onlyEvents(cmd.Context())
			}
			return b.everything(cmd.Context(), p.sized(b.data.orders), target)
		},
	}
	cmd.Flags().BoolVar(&fast, "quick", false, "minutes: for every commit")
	cmd.Flags().BoolVar(&full, "full", false, "under an hour: for claims")
	cmd.Flags().BoolVar(&onlyEvents, "events", false, "two minutes: what events cost, and nothing else")
	cmd.MarkFlagsMutuallyExclusive("quick", "full", "events")
	cmd.MarkFlagsOneRequired("quick", "full", "events")
	cmd.Flags().StringVar(&target, "target", "elasticsearch", "elasticsearch or opensearch")
	b.servers.bind(cmd.Flags())
	b.data.bind(cmd.Flags())
	b.data.bindWriting(cmd.Flags())
	return cmd
}

// everything is a run from end to end.
func (b *bench) everything(ctx context.Context, p plan, target string) (err error) {
	b.data.orders = p.orders
	products := []string{target}
	if p.second > 0 {
		products = append(products, other(target))
	}
	started := products
	if p.events > 0 {
		started = append(slices.Clone(products), productKafka)
	}
	l, err := b.newLab(ctx, p.mode, started...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close(ctx)) }()
	if err := l.rec.keep(b.results); err != nil {
		return err
	}
	if err := l.plain(ctx, p, products); err != nil {
		return err
	}
	if err := l.eventPairs(ctx, p); err != nil {
		return err
	}
	if p.rich > 0 && l.shape != shop.Rich && b.data.tpch == "" {
		if err := l.richer(ctx, p, target); err != nil {
			return err
		}
	}
	if p.growth.base > 0 && b.data.tpch == "" {
		if err := l.scales(ctx, p.growth); err != nil {
			return err
		}
	}
	if err := b.finish(l); err != nil {
		return err
	}
	return b.headline(result.HeadlineOf(l.rec.all, b.data.label(shop.Shape(b.data.shape)), target))
}

// onlyEvents is the part about events.
func (b *bench) onlyEvents(ctx context.Context) (err error) {
	p := plan{mode: shapeEvents, pairs: 7, events: quick().events, warmups: 1}
	l, err := b.newLab(ctx, p.mode, productKafka)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close(ctx)) }()
	if err := l.rec.keep(b.results); err != nil {
		return err
	}
	if err := l.eventPairs(ctx, p); err != nil {
		return err
	}
	return b.finish(l)
}

// finish names the file of a run that is complete, and shows it.
func (b *bench) finish(l *lab) error {
	if err := l.rec.complete(); err != nil {
		return err
	}
	l.say("kept in %s", l.rec.path)
	if b.json {
		return b.print(l.rec.all)
	}
	_, err := fmt.Fprint(b.out, page.Markdown([][]result.Result{l.rec.all})+"\n")
	return err
}

func other(target string) string {
	if target == "elasticsearch" {
		return "opensearch"
	}
	return "elasticsearch"
}

// plain is the main part: everything about the shape asked for, plain by default.
func (l *lab) plain(ctx context.Context, p plan, products []string) error {
	if err := l.seed(ctx, false); err != nil {
		return err
	}
	if err := l.capture(ctx); err != nil {
		return err
	}
	if err := l.nullPairs(ctx, p); err != nil {
		return err
	}
	for i, target := range products {
		if i > 0 {
			p.pairs, p.cells = p.second, quick().cells
		}
		if err := l.searchPart(ctx, p, target); err != nil {
			return err
		}
	}
	return nil
}

// richer repeats the pairs with the shape rich, at the best point of a small grid.
func (l *lab) richer(ctx context.Context, p plan, target string) error {
	shape, orders := l.shape, l.orders
	defer func() { l.shape, l.orders = shape, orders }()
	l.shape, l.orders = shop.Rich, p.rich
	if err := l.seed(ctx, false); err != nil {
		return err
	}
	if err := l.capture(ctx); err != nil {
		return err
	}
	p.cells, p.naive = quick().cells, 0
	if err := l.nullPairs(ctx, p); err != nil {
		return err
	}
	return l.searchPart(ctx, p, target)
}

func (l *lab) searchPart(ctx context.Context, p plan, target string) error {
	if p.naive > 0 {
		for _, bulk := range []int{1, 100} {
			if err := l.naive(ctx, target, min(p.naive, l.orders), bulk); err != nil {
				return err
			}
		}
	}
	best, err := l.grid(ctx, target, p)
	if err != nil {
		return err
	}
	return l.e2ePairs(ctx, p, target, best)
}
