package main

import (
	"github.com/spf13/cobra"
)

func (b *bench) naiveCommand() *cobra.Command {
	var target string
	var documents, bulk int
	cmd := &cobra.Command{
		Use:   "naive",
		Short: "Measure what people write first",
		Long: `Run the loop that people write first: one reader, a query for the lines and one for the
customer of each order, one document a request (or --bulk documents), into an index with
the server's defaults: refresh on, a copy asked for, translog synced with each request.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkTarget(target, "elasticsearch", "opensearch"); err != nil {
				return err
			}
			ctx := cmd.Context()
			return b.measure(ctx, "naive", []string{target}, func(l *lab) error {
				if err := l.seed(ctx, false); err != nil {
					return err
				}
				return l.naive(ctx, target, documents, bulk)
			})
		},
	}
	cmd.Flags().StringVar(&target, "target", "elasticsearch", "elasticsearch or opensearch")
	cmd.Flags().IntVar(&documents, "documents", 3000, "how many documents; it is slow")
	cmd.Flags().IntVar(&bulk, "bulk", 1, "documents a request")
	b.servers.bind(cmd.Flags())
	b.data.bind(cmd.Flags())
	b.data.bindWriting(cmd.Flags())
	return cmd
}
