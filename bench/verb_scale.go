package main

import "github.com/spf13/cobra"

// scaleVerb measures how cost and memory grow with data and connections.
type scaleVerb struct {
	*bench
	growth growth
}

func (v *scaleVerb) command() *cobra.Command {
	g := &v.growth
	*g = growing(0, 3)
	cmd := &cobra.Command{
		Use:   "scale",
		Short: "Measure how cost and memory grow with data and connections",
		Long: `Rebuild into the null sink with 1, 2, 5 and 10 times the data, over 1, 2, 4 and 8
connections each. Cost a document and memory should stay what they are. The results are
kept in --results.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			ctx := cmd.Context()
			return v.measure(ctx, "scale", nil, func(l *lab) error {
				if err := l.rec.keep(v.results); err != nil {
					return err
				}
				g.base = l.orders
				if err := (&session{&limits{lab: l}}).scales(ctx, *g); err != nil {
					return err
				}
				return l.rec.complete()
			})
		},
	}
	cmd.Flags().IntVar(&g.times, "times", g.times, "how often each")
	cmd.Flags().IntSliceVar(&g.factors, "factors", g.factors, "times the data")
	cmd.Flags().IntSliceVar(&g.connections, "over", g.connections, "connections (one of them only holds the snapshot)")
	v.servers.bind(cmd.Flags())
	v.data.bind(cmd.Flags())
	return cmd
}
