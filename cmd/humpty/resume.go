package main

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"humpty/internal/config"
	"humpty/internal/wire"
	"humpty/projector"
)

func (a *app) resumeCommand() *cobra.Command {
	var o rebuilding
	cmd := &cobra.Command{
		Use:   "resume [RUN]",
		Short: "Go on with a live rebuild that was stopped",
		Long: `resume goes on with a run of consistency: live that was interrupted, killed, or failed for
an outage, from what it wrote down in the state folder: partitions that are done are not
read again, and what changed meanwhile was kept by the database (which holds its log for
the run's slot until then). Without RUN it is the only one that was stopped.

The run goes on with the definition it began with: if the configuration says another one
now, it refuses and says what differs. Runs of consistency: snapshot start over.`,
		Example: `  humpty resume
  humpty resume 20261123t214100-abcdef`,
		Args: func(_ *cobra.Command, args []string) error {
			if len(args) > 1 {
				return &usageError{fmt.Sprintf("resume takes one run, not %d", len(args)), "humpty help resume"}
			}
			return nil
		},
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		a.result.projection = ""
		c, err := a.load(cmd)
		if err != nil {
			return err
		}
		p, run, err := a.stopped(c, strings.Join(args, ""))
		if err != nil {
			return err
		}
		a.result.projection = p.Name
		o.resume = run
		return a.rebuild(cmd.Context(), c, p, "resume", o)
	})
	o.flags(cmd)
	limitFlags(cmd)
	return cmd
}

// stopped finds a run that can be gone on with: the one of that name, or the only one.
func (a *app) stopped(c *config.Config, run string) (config.Projection, string, error) {
	state, err := a.state(c)
	if err != nil {
		return config.Projection{}, "", err
	}
	type found struct {
		config.Projection
		run string
	}
	var all []found
	var names []string
	for _, p := range c.Projections {
		if run != "" && state.Has(p.Name, run) {
			return p, run, nil // the engine says whether it can be gone on with
		}
		runs, err := state.Unfinished(p.Name)
		if err != nil {
			return p, "", err
		}
		for _, b := range runs {
			all = append(all, found{p, b.Run})
			names = append(names, b.Run+" of "+p.Name)
		}
	}
	switch {
	case run == "" && len(all) == 1:
		return all[0].Projection, all[0].run, nil
	case run == "" && len(all) > 1:
		return config.Projection{}, "", &usageError{"several runs were stopped: say which: " + strings.Join(names, ", "), "humpty resume " + all[0].run}
	}
	return config.Projection{}, "", nothingToResume(state, run, names)
}

func nothingToResume(state wire.State, run string, names []string) error {
	why := fmt.Sprintf("no stopped run is known in the state folder %s", state.Dir)
	if run != "" {
		why = fmt.Sprintf("run %s is not known in the state folder %s", run, state.Dir)
	}
	remedy := "name the folder that it began with: --state DIR; or start over: humpty rebuild"
	if len(names) > 0 {
		remedy = "there are " + strings.Join(names, ", ")
	}
	return &projector.Refusal{Why: why, Remedy: remedy}
}
