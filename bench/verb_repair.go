package main

import (
	"context"

	"github.com/spf13/cobra"

	"humpty/bench/internal/figure"
	"humpty/bench/internal/result"
)

// repairVerb measures verification and repair of a live index.
type repairVerb struct {
	*bench
	target string
	times  int // pairs
}

func (v *repairVerb) command() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "repair",
		Short: "Measure verification and repair of a live index",
		Long: `Rebuild the shop's read model once, with its verification before the swap. Then, in pairs,
verify the index that serves, make 1 % of it wrong (a third deleted, a third overwritten, a
third added) and repair it; after one such repair that is not counted, so that it is an index
that was written to. At the end one character of one document is changed: the repair must
find and name just that one. Each is a process of its own, whose memory is measured.

  go run ./bench repair --times 7
  go run ./bench repair --orders 1000000`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if err := checkTarget(v.target, "elasticsearch", "opensearch"); err != nil {
				return err
			}
			ctx := cmd.Context()
			return v.measure(ctx, "repair", []string{v.target}, func(l *lab) error { return v.repairs(ctx, repairs{l}) })
		},
	}
	cmd.Flags().StringVar(&v.target, "target", "elasticsearch", "elasticsearch or opensearch")
	cmd.Flags().IntVar(&v.times, "times", 3, "how many pairs")
	v.servers.bind(cmd.Flags())
	v.data.bind(cmd.Flags())
	v.data.bindWriting(cmd.Flags())
	return cmd
}

func (v *repairVerb) repairs(ctx context.Context, l repairs) error {
	if err := l.seed(ctx, false); err != nil {
		return err
	}
	if err := (&limits{lab: l.lab}).capture(ctx); err != nil {
		return err
	}
	index, err := l.rebuild(ctx, v.target, l.data.shards, half{}, 0)
	if err != nil {
		return err
	}
	if err := l.age(ctx, v.target, index, l.data.shards); err != nil {
		return err
	}
	for pair := range v.times {
		if err := l.pair(ctx, v.target, index, l.data.shards, pair+1); err != nil {
			return err
		}
	}
	if err := l.oneCharacter(ctx, v.target, index); err != nil {
		return err
	}
	ratios := result.Ratios(l.rec.all, l.data.label(l.shape), v.target, figure.SeriesRepair, result.Repair, result.Verify)
	l.say("repair ÷ verification: %s", result.EstimateOf(ratios))
	return l.drop(ctx, index)
}
