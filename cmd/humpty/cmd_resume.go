package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/rebuild"
)

// resumeCommand resumes a rebuild that was stopped.
type resumeCommand struct {
	rebuilder
	options rebuild.Options
	all     bool
}

func newResumeCommand(a *app) *cobra.Command {
	c := resumeCommand{rebuilder: rebuilder{a}}
	cmd := &cobra.Command{
		Use:   "resume [RUN]",
		Short: "Go on with a rebuild that was stopped",
		Long: `resume goes on with a run of consistency: live that was interrupted, killed, or failed for
an outage, from what it wrote down in the state folder: partitions that are done are not
read again, and what changed meanwhile was kept by the database (which holds its log for
the run's slot until then). Without RUN it is the only one that was stopped.

The run goes on with the definition it began with: if the configuration says another one
now, it refuses and says what differs.

With consistency: snapshot the snapshot ends with its process: resume takes a new one, fills a
new generation, and says so; the old half is named, and dropped by humpty prune.

--all goes on with what is left of a rebuild --all: runs that were stopped, and projections
whose turn had not come; in their order, as rebuild --all does.`,
		Example: `  humpty resume
  humpty resume 20261123t214100-abcdef
  humpty resume --all`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return console.Usage(fmt.Sprintf("resume takes one run, not %d", len(args)), "humpty help resume")
			}
			return nil
		},
	}
	cmd.RunE = a.begin(c.run)
	c.options.Flags(cmd)
	cmd.Flags().BoolVar(&c.all, "all", false, "every run that was stopped, and what a rebuild --all has not begun")
	limitFlags(cmd)
	return cmd
}

func (c *resumeCommand) run(cmd *cobra.Command, args []string) error {
	ctx := cmd.Context()
	c.result.projection = ""
	c.options.Resume = true
	if c.all && len(args) > 0 {
		return console.Usage("--all takes every run that was stopped", "humpty resume --all, or humpty resume "+args[0])
	}
	conf, err := c.load(cmd)
	if err != nil {
		return err
	}
	runner := c.runner(conf, "resume")
	if c.all {
		return c.rebuilder.all(ctx, runner, c.options)
	}
	stopped, err := runner.Leftovers.Find(ctx, strings.Join(args, ""))
	if err != nil {
		return err
	}
	p := stopped.Projection
	c.result.projection = p.Name
	if p.Live {
		c.options.Run = stopped.Run
	} else if err := runner.Leftovers.WarnPartial(ctx, p); err != nil {
		return err
	}
	return c.one(ctx, runner, p, c.options)
}
