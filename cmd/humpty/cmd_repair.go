package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"humpty/projector/repair"
)

// repairLimits are those of a repair.
type repairLimits struct{ maxDelete, maxStale int64 }

func (r *repairLimits) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Int64Var(&r.maxDelete, "max-delete", -1, "extra documents that may be deleted; a hundredth of the index by default")
	f.Int64Var(&r.maxStale, "max-stale", -1, "stale documents that may be overwritten in an index that serves; half of it by default")
}

// repairCommand fixes the documents that differ from the sources.
type repairCommand struct {
	comparison
	limits repairLimits
	dryRun bool
}

func newRepairCommand(a *app) *cobra.Command {
	c := repairCommand{comparison: comparison{app: a}}
	cmd := &cobra.Command{
		Use:   "repair [PROJECTION]",
		Short: "Fix just the documents that differ from the sources",
		Long: `repair compares as verify does, then reads what differs again and writes it as the sources
have it: missing and stale documents are written, extra ones deleted. It costs one reading
of both sides and the drift, not a rebuild.

On the index that the alias serves a document is written only if it is still what was read
before the source was: an application that writes in between wins. A generation that does
not serve (a failed gate, a restored snapshot) is written with an epoch of its own, and is
verified afterwards: humpty swap can let it serve.

A broken source must not wipe the index: if more documents would be deleted than --max-delete
allows, nothing is written (exit code 4). An empty or truncated table looks like that.`,
		Example: `  humpty repair orders --dry-run
  humpty repair orders
  humpty repair orders --generation orders-20261123t214100 --max-delete 500`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	c.comparison.flags(cmd)
	c.limits.flags(cmd)
	cmd.Flags().BoolVar(&c.dryRun, "dry-run", false, "only say what differs and whether the limits allow the repair")
	return cmd
}

func (c *repairCommand) run(cmd *cobra.Command, args []string) error {
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	return c.compare(cmd.Context(), conf, p, "repair", func(ctx context.Context, x repair.Verify) (repair.Result, error) {
		refused := c.deadLetters().Writer(p.Name, x.Owner.Run)
		do := repair.Repair{Verify: x, DryRun: c.dryRun, MaxDelete: c.limits.maxDelete, MaxStale: c.limits.maxStale, Letters: refused}
		finding, err := do.Run(ctx)
		_, _, closing := refused.Close()
		return finding, errors.Join(err, closing)
	})
}
