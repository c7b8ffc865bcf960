package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (b *bench) limitCommand() *cobra.Command {
	var target string
	var full bool
	var topic int
	cmd := &cobra.Command{
		Use:   "limit",
		Short: "Measure what no engine can beat on this machine",
		Long: `Measure the limits, with nothing of humpty's in between: raw binary COPY of the rows, a
_bulk firehose of the very same documents from memory over a grid of connections, batch
sizes and shards, both at once, and a raw sliced scan of the index.

The documents are captured once by a rebuild into memory; ids, versions (external_gte)
and bytes are those of a rebuild, and the indices are made by the call that a rebuild
makes them with. With --events also raw fetch of a topic of events from Kafka (about 250
bytes of JSON, 10 for each order), with a loop of kafka-go's and nothing else.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkTarget(target, "elasticsearch", "opensearch"); err != nil {
				return err
			}
			ctx := cmd.Context()
			p := quick()
			if full {
				p = fullPlan()
			}
			products := []string{target}
			if p.events = topic; p.events > 0 {
				products = append(products, productKafka)
			}
			return b.measure(ctx, "limit", products, func(l *lab) error { return l.limits(ctx, target, p) })
		},
	}
	cmd.Flags().StringVar(&target, "target", "elasticsearch", "elasticsearch or opensearch")
	cmd.Flags().IntVar(&topic, "events", 0, "also a topic of so many events")
	cmd.Flags().BoolVar(&full, "full", false, "the large grid")
	b.servers.bind(cmd.Flags())
	b.data.bind(cmd.Flags())
	return cmd
}

func (l *lab) limits(ctx context.Context, target string, p plan) error {
	if err := l.seed(ctx, false); err != nil {
		return err
	}
	if err := l.capture(ctx); err != nil {
		return err
	}
	if err := l.copy(ctx, half{}); err != nil {
		return err
	}
	best, err := l.grid(ctx, target, p)
	if err != nil {
		return err
	}
	if err := l.both(ctx, target, best, half{}); err != nil {
		return err
	}
	index, err := l.rebuild(ctx, target, best.shards, half{}, 0)
	if err != nil {
		return err
	}
	if err := l.scan(ctx, target, index, l.corpus.Documents()); err != nil {
		return err
	}
	if err := l.drop(ctx, index); err != nil || p.events == 0 {
		return err
	}
	t, err := l.topic(ctx, p.events)
	if err != nil {
		return err
	}
	return l.fetch(ctx, t, half{})
}
