package main

import (
	"context"
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/render"
	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/projector/generation"
	"humpty/sinks"
)

// pruneCommand drops old and failed generations.
type pruneCommand struct {
	*app
	keep            int
	slot            string
	unfinished      string
	dryRun, stopped bool
}

func newPruneCommand(a *app) *cobra.Command {
	c := pruneCommand{app: a}
	cmd := &cobra.Command{
		Use:   "prune [PROJECTION]",
		Short: "Drop old and failed generations",
		Long: `prune drops failed and unfinished generations, and retired ones beyond keep.generations
(or --keep). What a stopped live run can go on with stays, unless --stopped is given. It never drops what an alias serves, what a running rebuild fills, or what
humpty did not create. With them go the slots and publications of runs that are over or
whose generation is dropped, and what the state folder knows of them; a slot that no
projection of the file knows goes only by its name (--slot). It cannot be undone, so it asks for the alias's name; --yes answers
for machines.

What humpty did not create is known by the _meta of the index, which has its own name and uuid in it:
a copy (_clone, _reindex, a copied mapping) stays, and humpty status names it. An index that a run
made and left before it could say so holds nothing; it goes only by its name (--unfinished).`,
		Example: `  humpty prune orders --dry-run
  humpty prune orders --keep 1 --yes`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	cmd.Flags().IntVar(&c.keep, "keep", 0, "generations to keep besides the live one; keep.generations of the file by default")
	cmd.Flags().StringVar(&c.slot, "slot", "", "also a slot and publication that no projection of the file knows, by its name (humpty status)")
	cmd.Flags().BoolVar(&c.stopped, "stopped", false, "also give up live runs that were stopped, which cannot be gone on with then")
	cmd.Flags().StringVar(&c.unfinished, "unfinished", "", "only this index, which a run made and left before it was its own (humpty status)")
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "only say what would be dropped")
	return cmd
}

func (c *pruneCommand) run(cmd *cobra.Command, args []string) error {
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	if cmd.Flags().Changed("keep") {
		if c.keep < 0 {
			return console.Usage(fmt.Sprintf("--keep %d: generations cannot be negative", c.keep), "humpty help prune")
		}
		p.Keep = c.keep
	}
	leftovers := c.leftovers(conf)
	leftovers.Heal(cmd.Context(), p)
	m, err := assemble.Admin(cmd.Context(), conf, p, "prune")
	if err != nil {
		return err
	}
	m.Notice = c.Warn
	if c.unfinished != "" {
		return c.pruneUnfinished(cmd.Context(), m)
	}
	err = c.prune(cmd.Context(), p, m, leftovers)
	runs.NewCaptures(leftovers).Name(cmd.Context(), p)
	return err
}

func (c *pruneCommand) prune(ctx context.Context, p config.Projection, m *generation.Admin, leftovers *runs.Leftovers) error {
	chosen, err := m.Prunable(ctx)
	if err != nil {
		return err
	}
	if !c.stopped {
		if chosen, err = c.withoutStopped(leftovers, p, chosen); err != nil {
			return err
		}
	}
	done := &pruneResult{DryRun: c.dryRun, Chosen: []string{}, Dropped: []string{}}
	c.result.Prune = done
	for _, g := range chosen {
		done.Chosen = append(done.Chosen, g.Name)
	}
	captures := runs.NewCaptures(leftovers)
	if done.Captures, err = captures.Droppable(ctx, p, chosen, c.slot, c.stopped); err != nil {
		return err
	}
	alias, what := m.Alias, render.Generations(chosen)
	for _, one := range done.Captures {
		what += "  " + one.String() + "\n"
	}
	switch {
	case what == "":
		c.Printf("%s: nothing to drop\n", m.Projection)
		return nil
	case c.dryRun:
		c.Printf("%s: would drop\n%s", m.Projection, what)
		return nil
	}
	question := fmt.Sprintf("%s: these will be deleted for good:\n%sType the alias's name (%s) to go on: ", m.Projection, what, alias)
	if err := c.Confirm(question, alias, c.CommandLine("humpty prune", m.Projection, "--yes")); err != nil {
		return err
	}
	if len(chosen) > 0 {
		done.Dropped, err = m.Prune(ctx, done.Chosen)
	}
	for _, name := range done.Dropped {
		c.Printf("%s: dropped %s\n", m.Projection, name)
	}
	if err != nil {
		return err
	}
	return captures.Drop(ctx, p, chosen, done.Captures)
}

// pruneUnfinished drops the index that was named.
func (c *pruneCommand) pruneUnfinished(ctx context.Context, m *generation.Admin) error {
	done := &pruneResult{DryRun: c.dryRun, Chosen: []string{c.unfinished}, Dropped: []string{}}
	c.result.Prune = done
	if c.dryRun {
		c.Printf("%s: would drop\n  %s\n", m.Projection, c.unfinished)
		return nil
	}
	question := fmt.Sprintf("%s: this index will be deleted for good:\n  %s\nType its name to go on: ", m.Projection, c.unfinished)
	if err := c.Confirm(question, c.unfinished, c.CommandLine("humpty prune", m.Projection, "--unfinished", c.unfinished, "--yes")); err != nil {
		return err
	}
	if err := m.PruneUnfinished(ctx, c.unfinished); err != nil {
		return err
	}
	done.Dropped = done.Chosen
	c.Printf("%s: dropped %s\n", m.Projection, c.unfinished)
	return nil
}

// withoutStopped leaves out the generations of live runs that can be resumed.
func (c *pruneCommand) withoutStopped(leftovers *runs.Leftovers, p config.Projection, chosen []sinks.Generation) ([]sinks.Generation, error) {
	stopped, err := leftovers.Resumable(p)
	return slices.DeleteFunc(chosen, func(g sinks.Generation) bool {
		at := slices.IndexFunc(stopped, func(r runs.Stopped) bool { return r.Run == g.Meta.Run })
		if at >= 0 {
			c.Printf("%s: %s stays: %s goes on with it; --stopped gives it up\n", p.Name, g.Name, c.CommandLine("humpty resume", stopped[at].Run))
		}
		return at >= 0
	}), err
}
