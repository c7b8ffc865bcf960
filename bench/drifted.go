package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"humpty/bench/internal/engine"
	"humpty/bench/internal/figure"
	"humpty/bench/internal/raw"
	"humpty/bench/internal/result"
)

func (b *bench) repairCommand() *cobra.Command {
	var target string
	var times int
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
			if err := checkTarget(target, "elasticsearch", "opensearch"); err != nil {
				return err
			}
			ctx := cmd.Context()
			return b.measure(ctx, "repair", []string{target}, func(l *lab) error { return l.drifts(ctx, target, times) })
		},
	}
	cmd.Flags().StringVar(&target, "target", "elasticsearch", "elasticsearch or opensearch")
	cmd.Flags().IntVar(&times, "times", 3, "how many pairs")
	b.servers.bind(cmd.Flags())
	b.data.bind(cmd.Flags())
	b.data.bindWriting(cmd.Flags())
	return cmd
}

func (l *lab) drifts(ctx context.Context, target string, times int) error {
	if err := l.seed(ctx, false); err != nil {
		return err
	}
	if err := l.capture(ctx); err != nil {
		return err
	}
	index, err := l.rebuild(ctx, target, l.data.shards, half{}, 0)
	if err != nil {
		return err
	}
	if err := l.age(ctx, target, index, l.data.shards); err != nil {
		return err
	}
	for pair := range times {
		if err := l.repairs(ctx, target, index, l.data.shards, pair+1); err != nil {
			return err
		}
	}
	if err := l.needle(ctx, target, index); err != nil {
		return err
	}
	ratios := result.Ratios(l.rec.all, l.data.label(l.shape), target, figure.SeriesRepair, result.Repair, result.Verify)
	l.say("repair ÷ verification: %s", result.EstimateOf(ratios))
	return l.drop(ctx, index)
}

// needle changes one character of one document, and has it found and put right.
func (l *lab) needle(ctx context.Context, target, index string) error {
	id, err := raw.Flip(ctx, l.search[target], index, l.corpus)
	if err != nil {
		return err
	}
	o, err := l.examine(ctx, engine.Repair, target, l.data.shards, half{})
	if err != nil {
		return err
	}
	v := o.Finding.Verified
	if v.Stale != 1 || v.Missing+v.Extra > 0 || len(v.First) != 1 || v.First[0].ID != id || len(v.First[0].Fields) != 1 {
		return fmt.Errorf("one character of document %s was changed, but found was %+v: %v", id, v.Verification, v.First)
	}
	l.say("one character of %d documents was changed, and found: %s", v.Documents, v.First[0])
	return nil
}
