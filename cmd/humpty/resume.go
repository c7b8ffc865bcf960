package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
)

func (a *app) resumeCommand() *cobra.Command {
	var o rebuilding
	var all bool
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
				return &usageError{fmt.Sprintf("resume takes one run, not %d", len(args)), "humpty help resume"}
			}
			return nil
		},
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		a.result.projection = ""
		o.goOn = true
		if all {
			if len(args) > 0 {
				return &usageError{"--all takes every run that was stopped", "humpty resume --all, or humpty resume " + args[0]}
			}
			return a.rebuildAll(cmd, "resume", o)
		}
		c, err := a.load(cmd)
		if err != nil {
			return err
		}
		one, err := a.stopped(cmd.Context(), c, strings.Join(args, ""))
		if err != nil {
			return err
		}
		p := one.projection
		a.result.projection = p.Name
		if p.Live {
			o.resume = one.run
		} else if err := a.tellHalves(cmd.Context(), c, p); err != nil {
			return err
		}
		return a.rebuild(cmd.Context(), c, p, "resume", o)
	})
	o.flags(cmd)
	cmd.Flags().BoolVar(&all, "all", false, "every run that was stopped, and what a rebuild --all has not begun")
	limitFlags(cmd)
	return cmd
}

// stopped finds a run that was stopped: the one of that name, or the only one.
func (a *app) stopped(ctx context.Context, c *config.Config, run string) (left, error) {
	state, err := a.state(c)
	if err != nil {
		return left{}, err
	}
	var all []left
	var unread error // a target that does not answer
	for _, p := range c.Projections {
		if run != "" && p.Live && state.Has(p.Name, run) {
			return left{projection: p, run: run}, nil // the engine says whether it can be gone on with
		}
		found, err := a.leftIn(ctx, c, p)
		if p.Live && err != nil {
			return left{}, err
		}
		unread = errors.Join(unread, err)
		if !p.Live {
			if run != "" && slices.ContainsFunc(found, func(l left) bool { return l.run == run }) {
				return left{projection: p, run: run}, nil
			}
			found = found[max(0, len(found)-1):] // one new run stands for all of them
		}
		all = append(all, found...)
	}
	switch {
	case run == "" && len(all) == 1:
		return all[0], nil
	case run == "" && len(all) > 1:
		return left{}, a.several(all)
	}
	return left{}, errors.Join(nothingToResume(state, run, all), unread)
}

func nothingToResume(state assemble.State, run string, all []left) error {
	why := fmt.Sprintf("no stopped run is known in the state folder %s, or to a target", state.Dir)
	if run != "" {
		why = fmt.Sprintf("run %s is not known in the state folder %s, or to a target", run, state.Dir)
	}
	remedy := "name the folder that it began with: --state DIR; or start over: humpty rebuild"
	if len(all) > 0 {
		var names []string
		for _, one := range all {
			names = append(names, one.run+" of "+one.projection.Name)
		}
		remedy = "there are " + strings.Join(names, ", ")
	}
	return &problem.Refusal{Why: why, Remedy: remedy}
}
