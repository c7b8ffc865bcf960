package main

import (
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

// rebuildVerb measures the real thing.
type rebuildVerb struct {
	*bench
	target, from string
	topic        int // events
	times        int
}

func (v *rebuildVerb) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "rebuild",
		Short: "Measure the real thing",
		Long: `Rebuild the shop's read model, with verification and swap, in a process of its own, and
measure wall time per phase, rate, CPU of the process and of the servers, memory,
allocations, latency of bulk requests, retries. Seconds are from the first read to the
end of the refresh.

  go run ./bench rebuild                          # into nothing: how fast the reader is
  go run ./bench rebuild --target elasticsearch --orders 300000 --times 3
  go run ./bench rebuild --from events            # folded by handlers, by JavaScript and by handlers with little memory, into nothing`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkTarget(v.target, "null", "elasticsearch", "opensearch"); err != nil {
				return err
			}
			var products []string
			if v.target != "null" {
				products = []string{v.target}
			}
			ctx := cmd.Context()
			if err := v.check(); err != nil {
				return err
			}
			if v.from == shapeEvents {
				return v.measure(ctx, "rebuild", []string{productKafka}, func(l *lab) error { return eventRuns{l}.foldTimes(ctx, v.topic, v.times) })
			}
			return v.measure(ctx, "rebuild", products, func(l *lab) error {
				if err := l.seed(ctx, false); err != nil {
					return err
				}
				for range v.times {
					index, err := l.rebuild(ctx, v.target, v.data.shards, half{}, 0)
					if err != nil {
						return err
					}
					if err := l.drop(ctx, index); err != nil {
						return err
					}
				}
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&v.target, "target", "null", "null, elasticsearch or opensearch")
	cmd.Flags().StringVar(&v.from, "from", "tables", "tables, or events: a topic of about --events, into nothing")
	cmd.Flags().IntVar(&v.topic, "events", 500_000, "how many events, 10 for each order")
	cmd.Flags().IntVar(&v.times, "times", 1, "how often")
	v.servers.bind(cmd.Flags())
	v.data.bind(cmd.Flags())
	v.data.bindWriting(cmd.Flags())
	return cmd
}

func (v *rebuildVerb) check() error {
	switch {
	case v.from != "tables" && v.from != shapeEvents:
		return fmt.Errorf("--from %q: tables or events", v.from)
	case v.from == shapeEvents && v.target != "null":
		return errors.New("--from events goes into nothing: leave --target out")
	}
	return nil
}
