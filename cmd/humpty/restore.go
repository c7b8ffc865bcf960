package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/sinks"
)

func (a *app) restoreCommand() *cobra.Command {
	var e examined
	var r repairFlags
	var snapshot string
	var noSwap, whole bool
	cmd := &cobra.Command{
		Use:   "restore [PROJECTION] --snapshot REPO/NAME",
		Short: "Bring an index back from a snapshot, repair what changed since, swap it in",
		Long: `restore brings the generation in a snapshot back under a new name, compares it with the
sources, repairs what has changed since the snapshot, proves it, and lets the alias serve
it. Where a rebuild takes hours and little has changed, this is the quicker way;
humpty plan --recover compares them. Without NAME it is the newest snapshot in REPO.

A document of topics alone is not compared: what the topics have behind the positions in the
snapshot is read, the documents that it concerns are written, and the whole index must then
add up to what was verified and what changed. With fold: latest only these events are read,
with other folds the topics are read once more, to fold just these documents again. Where
that proves nothing (retention has passed a position, partitions were added, a topic was made
anew, the index was written to after its verification), topics are read from their start and
everything is compared, as for tables and mixed documents; the record says why (delta.not).
--whole asks for that. Topics that end before the positions are refused.

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
			refused := a.lettersOf(p.Name, x.Owner.Run)
			assemble.Letters(x.Source, refused)
			do := projector.Restore{
				Repair:     projector.Repair{Examine: x, MaxDelete: r.maxDelete, MaxStale: r.maxStale, Letters: refused},
				Repository: repository, Snapshot: name, NoSwap: noSwap, Whole: whole,
			}
			finding, err := do.Run(ctx)
			_, _, closing := refused.Close()
			err = errors.Join(err, closing)
			if err == nil && finding.Serving {
				a.printf("%s: alias %s serves %s\n", p.Name, p.Alias, finding.Generation)
			}
			return finding, err
		})
	})
	f := cmd.Flags()
	f.StringVar(&snapshot, "snapshot", "", "repository and name of the snapshot; the newest one without a name")
	f.BoolVar(&noSwap, "no-swap", false, "stop after the repair; humpty swap goes on")
	f.BoolVar(&whole, "whole", false, "read topics from their start and compare everything, even if they say what came since")
	f.IntVar(&e.diff, "diff", 10, "differing documents to show field by field")
	f.StringVar(&e.ids, "ids", "", "write every differing document's id and kind to this file, as JSON lines")
	r.flags(cmd)
	return cmd
}

// replayed says what came behind the positions of a snapshot.
func (a *app) replayed(d *projector.Delta) {
	if d.Not != "" {
		a.printf("  topics     read from their start: %s\n", d.Not)
		return
	}
	a.printf("  topics     %s events behind the snapshot's positions, about %s documents: %s written, %s deleted, %s as they were, %s rejected\n",
		ui.Count(d.Events()), ui.Count(d.Keys), ui.Count(d.Written), ui.Count(d.Deleted), ui.Count(d.Same), ui.Count(d.Rejected))
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
	r, err := assemble.Rebuild(ctx, c, p, "plan", nil)
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
		a.printf("  %d  %-8s about %s: %s\n", i+1, w.Name, ui.Time(seconds(w.Seconds)), w.Basis)
	}
	for _, w := range recovery.Ways {
		if w.Name == recovery.Recommended {
			a.printf("Recommended: %s\n", a.typed(w.Command))
		}
	}
	a.printf("%s\n", fmt.Sprintf("Estimates only; nothing was changed. humpty verify %s says how much differs.", p.Name))
	return nil
}
