package main

import (
	"context"

	"github.com/spf13/cobra"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/ui"
)

func (a *app) planCommand() *cobra.Command {
	var recover bool
	var snapshot string
	cmd := &cobra.Command{
		Use:   "plan [PROJECTION]",
		Short: "Say what a rebuild would do, and change nothing",
		Long: `plan reads the catalog and statistics of the source and what the target holds, and says
step by step what a rebuild would do:
  +  made      ~  changed      -  removed      =  not touched
Rows and bytes are estimates from the database's statistics: run ANALYZE if they are off.

With --recover it compares the ways back to a right index instead: restore a snapshot and
repair it, repair what serves, or rebuild.`,
		Example: `  humpty plan
  humpty plan orders --json
  humpty plan orders --recover --snapshot backup`,
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		c, p, err := a.chosen(cmd, args)
		if err != nil {
			return err
		}
		if recover {
			return a.recovery(cmd.Context(), c, p, snapshot)
		}
		return a.plan(cmd.Context(), c, p)
	})
	limitFlags(cmd)
	cmd.Flags().BoolVar(&recover, "recover", false, "compare restore, repair and rebuild, and recommend one")
	cmd.Flags().StringVar(&snapshot, "snapshot", "", "with --recover: REPO/NAME, or REPO for the newest in it")
	return cmd
}

func (a *app) plan(ctx context.Context, c *config.Config, p config.Projection) error {
	a.mend(ctx, c, p)
	r, err := assemble.Rebuild(ctx, c, p, "plan", nil)
	if err != nil {
		return err
	}
	plan, err := r.Plan(ctx)
	if err != nil {
		return err
	}
	plan.Survey = listed(plan.Survey)
	a.result.Plan = &plan
	for _, w := range plan.Source.Warnings {
		a.caution("", w)
	}
	for _, w := range plan.Survey.Warnings {
		a.warn(w)
	}
	a.printf("%s: a rebuild into %s on %s %s\n", plan.Projection, plan.Generation, plan.Survey.Product, plan.Survey.Version)
	a.printf("  now        %s\n", indent3(plan.Situation.Text))
	a.printf("  source     about %s rows, %s of documents, %s, %d read at once\n",
		ui.Count(plan.Source.Rows), ui.Bytes(plan.Source.Bytes), chunks(len(plan.Source.Partitions)), plan.Source.Readers)
	for _, note := range plan.Source.Notes {
		a.printf("  note       %s\n", indent3(note))
	}
	for i, s := range plan.Steps {
		a.printf("  %2d %s  %s\n", i+1, s.Mark, s.Text)
	}
	a.printf("Nothing was changed. To do it: humpty rebuild %s\n", plan.Projection)
	return nil
}

func chunks(n int) string {
	if n == 1 {
		return "1 chunk"
	}
	return ui.Count(int64(n)) + " chunks"
}
