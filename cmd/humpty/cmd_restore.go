package main

import (
	"context"
	"errors"
	"strings"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/projector/repair"
	"humpty/projector/report"
)

// restoreCommand brings an index back from a snapshot.
type restoreCommand struct {
	comparison
	limits        repairLimits
	snapshot      string
	noSwap, whole bool
}

func newRestoreCommand(a *app) *cobra.Command {
	c := restoreCommand{comparison: comparison{app: a}}
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

With consistency: live changes are captured before anything is compared, all documents are
compared, and the alias is swapped as a rebuild does it, so that nothing that is written
meanwhile is missing; then humpty follow keeps it up to date (writer: follow).

The snapshot must be of the projection's present definition. The alias stays as it was if
anything is wrong; the limits of humpty repair apply.`,
		Example: `  humpty restore orders --snapshot backup
  humpty restore orders --snapshot backup/before-the-sale --no-swap`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	f := cmd.Flags()
	f.StringVar(&c.snapshot, "snapshot", "", "repository and name of the snapshot; the newest one without a name")
	f.BoolVar(&c.noSwap, "no-swap", false, "stop after the repair; humpty swap goes on")
	f.BoolVar(&c.whole, "whole", false, "read topics from their start and compare everything, even if they say what came since")
	f.IntVar(&c.diff, "diff", 10, "differing documents to show field by field")
	f.StringVar(&c.ids, "ids", "", "write every differing document's id and kind to this file, as JSON lines")
	shrinkFlag(cmd)
	c.limits.flags(cmd)
	return cmd
}

func (c *restoreCommand) run(cmd *cobra.Command, args []string) error {
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	repository, name, err := splitSnapshot(c.snapshot)
	if err != nil {
		return err
	}
	if p.Live {
		return c.live(cmd.Context(), conf, p, repair.Restore{Repository: repository, Snapshot: name, Only: true})
	}
	return c.compare(cmd.Context(), conf, p, "restore", func(ctx context.Context, x repair.Verify) (repair.Result, error) {
		refused := c.deadLetters().Writer(p.Name, x.Owner.Run)
		assemble.UseLetters(x.Source, refused)
		do := repair.Restore{
			Repair:     repair.Repair{Verify: x, MaxDelete: c.limits.maxDelete, MaxStale: c.limits.maxStale, Letters: refused},
			Repository: repository, Snapshot: name, NoSwap: c.noSwap, Whole: c.whole,
		}
		finding, err := do.Run(ctx)
		_, _, closing := refused.Close()
		err = errors.Join(err, closing)
		if err == nil && finding.Serving {
			c.Printf("%s: alias %s serves %s\n", p.Name, p.Alias, finding.Generation)
		}
		return finding, err
	})
}

// live brings the generation back, and makes it right by what is captured from then on, until
// the alias serves it.
func (c *restoreCommand) live(ctx context.Context, conf *config.Config, p config.Projection, do repair.Restore) error {
	err := c.observed(ctx, func(ctx context.Context, tell func(report.Event), waiting func(string)) error {
		r, err := assemble.Rebuild(ctx, conf, p, "restore", waiting)
		if err != nil {
			return err
		}
		do.Repair = repair.Repair{Verify: repair.Verify{Projection: r.Projection, Source: r.Source, Target: r.Target, Owner: r.Owner, Observe: tell}}
		finding, err := do.Run(ctx)
		do.Generation = finding.Generation
		return err
	})
	if err != nil {
		return err
	}
	change := changeCommand{rebuilder: rebuilder{c.app}, limits: c.limits}
	return change.adopt(ctx, conf, p, "restore", do.Generation, c.noSwap)
}

// splitSnapshot takes REPO/NAME apart; NAME may be missing.
func splitSnapshot(text string) (repository, name string, err error) {
	repository, name, _ = strings.Cut(text, "/")
	if repository == "" {
		return "", "", console.Usage("--snapshot REPO/NAME is needed: which snapshot?", "GET /_snapshot lists the cluster's repositories")
	}
	return repository, name, nil
}
