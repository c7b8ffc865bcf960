package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"
)

func (b *bench) rebuildCommand() *cobra.Command {
	var target, from string
	var times, topic int
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
			if err := checkTarget(target, "null", "elasticsearch", "opensearch"); err != nil {
				return err
			}
			var products []string
			if target != "null" {
				products = []string{target}
			}
			ctx := cmd.Context()
			if err := checkFrom(from, target); err != nil {
				return err
			}
			if from == shapeEvents {
				return b.measure(ctx, "rebuild", []string{productKafka}, func(l *lab) error { return l.foldTimes(ctx, topic, times) })
			}
			return b.measure(ctx, "rebuild", products, func(l *lab) error {
				if err := l.seed(ctx, false); err != nil {
					return err
				}
				for range times {
					index, err := l.rebuild(ctx, target, b.data.shards, half{}, 0)
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
	cmd.Flags().StringVar(&target, "target", "null", "null, elasticsearch or opensearch")
	cmd.Flags().StringVar(&from, "from", "tables", "tables, or events: a topic of about --events, into nothing")
	cmd.Flags().IntVar(&topic, "events", 500_000, "how many events, 10 for each order")
	cmd.Flags().IntVar(&times, "times", 1, "how often")
	b.servers.bind(cmd.Flags())
	b.data.bind(cmd.Flags())
	b.data.bindWriting(cmd.Flags())
	return cmd
}

func checkFrom(from, target string) error {
	switch {
	case from != "tables" && from != shapeEvents:
		return fmt.Errorf("--from %q: tables or events", from)
	case from == shapeEvents && target != "null":
		return errors.New("--from events goes into nothing: leave --target out")
	}
	return nil
}

func (l *lab) foldTimes(ctx context.Context, n, times int) error {
	t, err := l.topic(ctx, n)
	if err != nil {
		return err
	}
	for range times {
		for _, f := range foldings(t) {
			if err := l.fold(ctx, t, f, half{}); err != nil {
				return err
			}
		}
	}
	return nil
}
