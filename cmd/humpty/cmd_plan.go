package main

import (
	"context"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/render"
	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/internal/ui"
	"humpty/projector/repair"
	"humpty/sinks"
)

// planCommand says what a rebuild would do.
type planCommand struct {
	*app
	recover  bool
	snapshot string
}

func newPlanCommand(a *app) *cobra.Command {
	c := planCommand{app: a}
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
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	limitFlags(cmd)
	cmd.Flags().BoolVar(&c.recover, "recover", false, "compare restore, repair and rebuild, and recommend one")
	cmd.Flags().StringVar(&c.snapshot, "snapshot", "", "with --recover: REPO/NAME, or REPO for the newest in it")
	return cmd
}

func (c *planCommand) run(cmd *cobra.Command, args []string) error {
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	if c.recover {
		return c.compareWays(cmd.Context(), conf, p)
	}
	return c.plan(cmd.Context(), conf, p)
}

func (c *planCommand) plan(ctx context.Context, conf *config.Config, p config.Projection) error {
	c.leftovers(conf).Heal(ctx, p)
	r, err := assemble.Rebuild(ctx, conf, p, "plan", nil)
	if err != nil {
		return err
	}
	plan, err := r.Plan(ctx)
	if err != nil {
		return err
	}
	runs.NewCaptures(c.leftovers(conf)).Name(ctx, p)
	plan.Survey = render.Listed(plan.Survey)
	for i := range plan.Steps {
		plan.Steps[i].Text = c.Addressed(plan.Steps[i].Text)
	}
	plan.Definition = c.Problems(plan.Definition)
	c.result.Plan = &plan
	for _, w := range problem.List(plan.Source.Warnings).Warnings() {
		c.WarnProblem("", w)
	}
	for _, w := range plan.Definition.Warnings() {
		c.WarnProblem("", w)
	}
	for _, w := range plan.Survey.Warnings {
		c.Warn(w)
	}
	c.Printf("%s: a rebuild into %s on %s %s\n", plan.Projection, plan.Generation, plan.Survey.Product, plan.Survey.Version)
	c.Printf("  now        %s\n", render.Indent(plan.Situation.Text))
	c.Printf("  source     about %s rows, %s of documents, %s, %d read at once\n",
		ui.Count(plan.Source.Rows), ui.Bytes(plan.Source.Bytes), render.Chunks(len(plan.Source.Partitions)), plan.Source.Readers)
	for _, note := range plan.Source.Notes {
		c.Printf("  note       %s\n", render.Indent(note))
	}
	for i, s := range plan.Steps {
		c.Printf("  %2d %s  %s\n", i+1, s.Mark, s.Text)
	}
	var live problem.List
	if p.Live {
		if live, err = assemble.Preflight(ctx, r.Source, true); err != nil { // to allow includes without an index is the rebuild's
			return err
		}
	}
	if err := joinErrors([]error{plan.Definition.Err(), plan.Source.Refusal(), live.Err()}); err != nil {
		return err
	}
	c.Printf("Nothing was changed. To do it: humpty rebuild %s\n", plan.Projection)
	return nil
}

// compareWays compares the ways back to a right index.
func (c *planCommand) compareWays(ctx context.Context, conf *config.Config, p config.Projection) error {
	r, err := assemble.Rebuild(ctx, conf, p, "plan", nil)
	if err != nil {
		return err
	}
	var saved *sinks.Snapshot
	if c.snapshot != "" {
		repository, name, err := splitSnapshot(c.snapshot)
		if err != nil {
			return err
		}
		snapshots, ok := r.Target.(sinks.Snapshots)
		if !ok {
			return console.Usage("this target has no snapshots", "leave --snapshot out")
		}
		s, err := snapshots.Saved(ctx, repository, name)
		if err != nil {
			return err
		}
		saved = &s
	}
	recovery, err := repair.Recover(ctx, r, saved)
	if err != nil {
		return err
	}
	for i := range recovery.Options {
		w := &recovery.Options[i]
		w.Command, w.Not = c.Addressed(w.Command), c.Addressed(w.Not)
	}
	c.result.Recovery = &recovery
	c.Printf("%s: ways back to a right index behind %s\n", p.Name, recovery.Alias)
	for i, w := range recovery.Options {
		if w.Not != "" {
			c.Printf("  -  %-8s not possible: %s\n", w.Name, w.Not)
			continue
		}
		c.Printf("  %d  %-8s about %s: %s\n", i+1, w.Name, ui.Time(ui.Seconds(w.Seconds)), w.Basis)
	}
	for _, w := range recovery.Options {
		if w.Name == recovery.Recommended {
			c.Printf("Recommended: %s\n", w.Command)
		}
	}
	c.Printf("Estimates only; nothing was changed. humpty verify %s says how much differs.\n", p.Name)
	return nil
}
