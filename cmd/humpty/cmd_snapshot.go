package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/internal/assemble"
	"humpty/internal/ui"
	"humpty/projector/report"
)

// snapshotCommand keeps a verified generation in a snapshot repository.
type snapshotCommand struct {
	*app
	repository, name, generation string
	unverified                   bool
}

func newSnapshotCommand(a *app) *cobra.Command {
	c := snapshotCommand{app: a}
	cmd := &cobra.Command{
		Use:   "snapshot [PROJECTION] --repository REPO",
		Short: "Keep a verified generation in a snapshot repository",
		Long: `snapshot puts the generation that the alias serves, or the one that --generation names, into
a snapshot repository of the cluster. It must have been verified. What the index knows about
itself (definition, positions, verification) travels with it, so that humpty restore can
bring it back, repair what has changed since, and prove it.

Register a repository once, for example:
  PUT /_snapshot/backup {"type": "fs", "settings": {"location": "backup"}}`,
		Example: `  humpty snapshot orders --repository backup
  humpty snapshot orders --repository backup --name before-the-sale`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	f := cmd.Flags()
	f.StringVar(&c.repository, "repository", "", "the repository, as the cluster names it")
	f.StringVar(&c.name, "name", "", "the snapshot's name; the alias and the time by default")
	f.StringVar(&c.generation, "generation", "", "the generation to keep; what the alias serves by default")
	f.BoolVar(&c.unverified, "unverified", false, "allow a generation that was not verified")
	return cmd
}

func (c *snapshotCommand) run(cmd *cobra.Command, args []string) error {
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	if c.repository == "" {
		return console.Usage("--repository is needed: where is the snapshot to be kept?", "GET /_snapshot lists the cluster's repositories")
	}
	if c.name == "" {
		c.name = p.Alias + "-" + time.Now().UTC().Format("20060102t150405")
	}
	return c.observed(cmd.Context(), func(ctx context.Context, tell func(report.Event), _ func(string)) error {
		m, err := assemble.Admin(ctx, conf, p, "snapshot")
		if err != nil {
			return err
		}
		saved, err := m.Snapshot(ctx, c.repository, c.name, c.generation, c.unverified, func(done, total int64) {
			tell(report.Event{Kind: report.Waiting, At: time.Now(), Text: fmt.Sprintf("for the snapshot: %s of %s", ui.Bytes(done), ui.Bytes(total))})
		})
		if err != nil {
			return err
		}
		c.result.Snapshot = &saved
		c.Printf("%s: %s is kept as %s/%s (%s, %s)\n", p.Name, saved.Generation, saved.Repository, saved.Name, ui.Bytes(saved.Bytes), ui.Time(saved.Took))
		c.Printf("  %s brings it back\n", c.CommandLine("humpty restore", p.Name, "--snapshot", saved.Repository+"/"+saved.Name))
		return nil
	})
}
