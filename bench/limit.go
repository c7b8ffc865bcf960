package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (b *bench) limitCommand() *cobra.Command {
	var target string
	var full bool
	cmd := &cobra.Command{
		Use:   "limit",
		Short: "Measure what no engine can beat on this machine",
		Long: `Measure the limits, with nothing of humpty's in between: raw binary COPY of the rows, a
_bulk firehose of the very same documents from memory over a grid of connections, batch
sizes and shards, both at once, and a raw sliced scan of the index.

The documents are captured once by a rebuild into memory; ids, versions (external_gte)
and bytes are those of a rebuild, and the indices are made by the call that a rebuild
makes them with. Raw fetch from Kafka is not measured yet: the data set has no events.`,
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
			return b.measure(ctx, "limit", []string{target}, func(l *lab) error { return l.limits(ctx, target, p) })
		},
	}
	cmd.Flags().StringVar(&target, "target", "elasticsearch", "elasticsearch or opensearch")
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
	return l.drop(ctx, index)
}
