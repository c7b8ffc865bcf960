package main

import (
	"context"

	"github.com/spf13/cobra"
)

func (b *bench) scaleCommand() *cobra.Command {
	g := growing(0, 3)
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Measure how cost and memory grow with data and connections",
		Long: `Rebuild into the null sink with 1, 2, 5 and 10 times the data, over 1, 2, 4 and 8
connections each. Cost a document and memory should stay what they are. The results are
kept in --results.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return b.measure(ctx, "scale", nil, func(l *lab) error {
				if err := l.rec.keep(b.results); err != nil {
					return err
				}
				g.base = l.orders
				if err := l.scales(ctx, g); err != nil {
					return err
				}
				return l.rec.complete()
			})
		},
	}
	cmd.Flags().IntVar(&g.times, "times", g.times, "how often each")
	cmd.Flags().IntSliceVar(&g.factors, "factors", g.factors, "times the data")
	cmd.Flags().IntSliceVar(&g.connections, "over", g.connections, "connections (one of them only holds the snapshot)")
	b.servers.bind(cmd.Flags())
	b.data.bind(cmd.Flags())
	return cmd
}

const seriesScale = "scale"

func (l *lab) scales(ctx context.Context, g growth) error {
	wanted := l.data.connections
	defer func() { l.data.connections = wanted }()
	l.corpus = nil // memory that is not needed any more
	for _, factor := range g.factors {
		l.orders = g.base * factor
		if err := l.seed(ctx, false); err != nil {
			return err
		}
		for range g.times {
			for _, l.data.connections = range g.connections {
				if _, err := l.rebuild(ctx, "null", 0, half{series: seriesScale}, factor); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
