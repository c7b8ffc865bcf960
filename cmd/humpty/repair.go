package main

import (
	"context"
	"errors"

	"github.com/spf13/cobra"
	"humpty/internal/ui"
	"humpty/projector"
)

// repairFlags are the limits of a repair.
type repairFlags struct{ maxDelete, maxStale int64 }

func (r *repairFlags) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.Int64Var(&r.maxDelete, "max-delete", -1, "extra documents that may be deleted; a hundredth of the index by default")
	f.Int64Var(&r.maxStale, "max-stale", -1, "stale documents that may be overwritten in an index that serves; half of it by default")
}

func (a *app) repairCommand() *cobra.Command {
	var e examined
	var r repairFlags
	var dryRun bool
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
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		c, p, err := a.chosen(cmd, args)
		if err != nil {
			return err
		}
		return a.examine(cmd.Context(), c, p, "repair", e, func(ctx context.Context, x projector.Examine) (projector.Finding, error) {
			refused := a.lettersOf(p.Name, x.Owner.Run)
			do := projector.Repair{Examine: x, DryRun: dryRun, MaxDelete: r.maxDelete, MaxStale: r.maxStale, Letters: refused}
			finding, err := do.Run(ctx)
			_, _, closing := refused.Close()
			return finding, errors.Join(err, closing)
		})
	})
	e.flags(cmd)
	r.flags(cmd)
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what differs and whether the limits allow the repair")
	return cmd
}

// repaired says what was written.
func (a *app) repaired(f projector.Finding, r *projector.Amendments) {
	if r.DryRun {
		a.printf("  repair     would write %s and delete %s documents; nothing was changed\n",
			ui.Count(f.Verified.Missing+f.Verified.Stale), ui.Count(f.Verified.Extra))
		return
	}
	a.printf("  repair     %s written, %s deleted, %s rejected", ui.Count(r.Written), ui.Count(r.Deleted), ui.Count(r.Rejected))
	if r.Superseded > 0 {
		a.printf(", %s given way to another writer", ui.Count(r.Superseded))
	}
	if r.Unfixed > 0 {
		a.printf(", %s still differ", ui.Count(r.Unfixed))
	}
	a.printf("\n")
}
