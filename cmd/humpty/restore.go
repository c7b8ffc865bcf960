package main

import (
	"context"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"humpty/internal/config"
	"humpty/internal/progress"
	"humpty/internal/wire"
	"humpty/projector"
	"humpty/sinks"
)

func (a *app) restoreCommand() *cobra.Command {
	var e examined
	var r repairFlags
	var snapshot string
	var noSwap bool
	cmd := &cobra.Command{
		Use:   "restore [PROJECTION] --snapshot REPO/NAME",
		Short: "Bring an index back from a snapshot, repair what changed since, swap it in",
		Long: `restore brings the generation in a snapshot back under a new name, compares it with the
sources, repairs what has changed since the snapshot, proves it, and lets the alias serve
it. Where a rebuild takes hours and little has changed, this is the quicker way;
humpty plan --recover compares them. Without NAME it is the newest snapshot in REPO.
Topics are read once, from their start, since a fold cannot go on from documents; only
documents that differ are written. Topics that end before the positions in the snapshot were
made anew: that is refused.

The snapshot must be of the projection's present definition. The alias stays as it was if
anything is wrong; the limits of humpty repair apply.`,
		Example: `  humpty restore orders --snapshot backup
  humpty restore orders --snapshot backup/before-the-sale --no-swap`,
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		c, p, err := a.chosen(cmd, args)
		if err != nil {
			return err
		}
		repository, name, err := splitSnapshot(snapshot)
		if err != nil {
			return err
		}
		e.generation = ""
		return a.examine(cmd.Context(), c, p, "restore", e, func(ctx context.Context, x projector.Examine) (projector.Finding, error) {
			do := projector.Restore{
				Repair:     projector.Repair{Examine: x, MaxDelete: r.maxDelete, MaxStale: r.maxStale},
				Repository: repository, Snapshot: name, NoSwap: noSwap,
			}
			finding, err := do.Run(ctx)
			if err == nil && finding.Serving {
				a.printf("%s: alias %s serves %s\n", p.Name, p.Alias, finding.Generation)
			}
			return finding, err
		})
	})
	f := cmd.Flags()
	f.StringVar(&snapshot, "snapshot", "", "repository and name of the snapshot; the newest one without a name")
	f.BoolVar(&noSwap, "no-swap", false, "stop after the repair; humpty swap goes on")
	f.IntVar(&e.diff, "diff", 10, "differing documents to show field by field")
	f.StringVar(&e.ids, "ids", "", "write every differing document's id and kind to this file, as JSON lines")
	r.flags(cmd)
	return cmd
}

// splitSnapshot takes REPO/NAME apart; NAME may be missing.
func splitSnapshot(text string) (repository, name string, err error) {
	repository, name, _ = strings.Cut(text, "/")
	if repository == "" {
		return "", "", &usageError{"--snapshot REPO/NAME is needed: which snapshot?", "GET /_snapshot lists the cluster's repositories"}
	}
	return repository, name, nil
}

// recovery compares the ways back to a right index.
func (a *app) recovery(ctx context.Context, c *config.Config, p config.Projection, snapshot string) error {
	r, err := wire.Rebuild(ctx, c, p, "plan", nil)
	if err != nil {
		return err
	}
	var saved *sinks.Snapshot
	if snapshot != "" {
		repository, name, err := splitSnapshot(snapshot)
		if err != nil {
			return err
		}
		snapshots, ok := r.Target.(sinks.Snapshots)
		if !ok {
			return &usageError{"this target has no snapshots", "leave --snapshot out"}
		}
		s, err := snapshots.Saved(ctx, repository, name)
		if err != nil {
			return err
		}
		saved = &s
	}
	recovery, err := r.Recover(ctx, saved)
	if err != nil {
		return err
	}
	a.result.Recovery = &recovery
	a.printf("%s: ways back to a right index behind %s\n", p.Name, recovery.Alias)
	for i, w := range recovery.Ways {
		if w.Not != "" {
			a.printf("  -  %-8s not possible: %s\n", w.Name, w.Not)
			continue
		}
		a.printf("  %d  %-8s about %s: %s\n", i+1, w.Name, progress.Time(seconds(w.Seconds)), w.Basis)
	}
	for _, w := range recovery.Ways {
		if w.Name == recovery.Recommended {
			a.printf("Recommended: %s\n", a.typed(w.Command))
		}
	}
	a.printf("%s\n", fmt.Sprintf("Estimates only; nothing was changed. humpty verify %s says how much differs.", p.Name))
	return nil
}
