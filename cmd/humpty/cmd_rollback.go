package main

import (
	"github.com/spf13/cobra"

	"humpty/internal/assemble"
)

// rollbackCommand lets the alias serve the generation that was live before.
type rollbackCommand struct {
	changeCommand
	to  string
	now bool
}

func newRollbackCommand(a *app) *cobra.Command {
	c := rollbackCommand{changeCommand: changeCommand{rebuilder: rebuilder{a}}}
	cmd := &cobra.Command{
		Use:   "rollback [PROJECTION]",
		Short: "Let the alias serve the generation that was live before",
		Long: `rollback lets the alias serve the generation that was live before the present one, or the
one that --to names, at once. Nothing is deleted. It refuses one that has lost more of its own
documents since it served than limits.shrink allows.

What was written to the present one since the swap is not in the old one. With consistency:
live that is made right right then, as humpty follow --adopt does, unless humpty follow fed it
(keep.feed_previous); --now leaves it. With consistency: snapshot, repair it or rebuild.`,
		Example: `  humpty rollback orders
  humpty rollback orders --to orders-20261116t030000`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	cmd.Flags().StringVar(&c.to, "to", "", "the generation to serve; the one that was live before by default")
	cmd.Flags().BoolVar(&c.now, "now", false, "live: do not make right what the alias serves then")
	shrinkFlag(cmd)
	c.limits.flags(cmd)
	return cmd
}

func (c *rollbackCommand) run(cmd *cobra.Command, args []string) error {
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	m, err := assemble.Admin(cmd.Context(), conf, p, "rollback")
	if err != nil {
		return err
	}
	m.Notice = c.Warn
	change, err := m.Rollback(cmd.Context(), c.to)
	if err != nil {
		return err
	}
	c.printChange(p.Name, change)
	return c.afterChange(cmd.Context(), conf, p, "rollback", m, change.To, c.now)
}
