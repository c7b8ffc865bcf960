package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/rebuild"
	"humpty/cmd/humpty/internal/render"
	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/generation"
	"humpty/sinks"
)

// swapCommand lets the alias serve another generation.
type swapCommand struct {
	changeCommand
	to, replace     string
	unverified, now bool
}

func newSwapCommand(a *app) *cobra.Command {
	c := swapCommand{changeCommand: changeCommand{rebuilder: rebuilder{a}}}
	cmd := &cobra.Command{
		Use:   "swap [PROJECTION]",
		Short: "Let the alias serve another generation",
		Long: `swap lets the alias serve a generation that exists already, in one atomic call, and reads
the alias again before it says so. Without --to it is the newest verified one beside the
one that serves now. Nothing is deleted; humpty rollback goes back. What has another number of
documents than it was verified with is refused: something else wrote to it.

With consistency: live a generation that humpty follow feeds (keep.feed_previous) serves as soon as
it has all that is committed. One that nobody fed is stale: swap captures changes, compares
all of its documents with their sources, writes those that differ, catches up, and only then
lets the alias serve it, as a rebuild does (humpty follow --adopt says more). --now changes the
alias at once, and leaves the generation as it is.

If an index (not an alias) sits on the alias's own name, a writer has created it while the
alias was gone, and the alias cannot be set. Look at what is in it. If it can be deleted,
  humpty swap orders --to GENERATION --replace-index orders
deletes it and sets the alias in the same call. The name must be typed; it cannot be undone.
To keep it from coming back, set action.auto_create_index in the cluster to exclude the
name, or let writers use require_alias=true.`,
		Example: `  humpty swap orders
  humpty swap orders --to orders-20261123t214100`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	f := cmd.Flags()
	f.StringVar(&c.to, "to", "", "the generation to serve; the newest verified one by default")
	f.StringVar(&c.replace, "replace-index", "", "delete the index of this name, which sits on the alias's name")
	shrinkFlag(cmd)
	f.BoolVar(&c.unverified, "unverified", false, "allow a generation that was not verified")
	f.BoolVar(&c.now, "now", false, "live: change the alias at once, though the generation may be stale")
	c.limits.flags(cmd)
	return cmd
}

func (c *swapCommand) run(cmd *cobra.Command, args []string) error {
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	if c.replace != "" && c.replace != p.Alias {
		return &problem.Refusal{
			Why:    fmt.Sprintf("--replace-index %s is not the name that is in the way: only an index on the alias's own name, %s, can be replaced", c.replace, p.Alias),
			Remedy: fmt.Sprintf("humpty status %s shows what is there", p.Name),
		}
	}
	m, err := assemble.Admin(cmd.Context(), conf, p, "swap")
	if err != nil {
		return err
	}
	if p.Live && !c.now && c.replace == "" {
		if c.to == "" {
			if c.to, err = m.Newest(cmd.Context()); err != nil {
				return err
			}
		}
		fed, err := c.fed(cmd.Context(), conf, p, m, c.to)
		if err != nil {
			return err
		}
		if fed == nil {
			return c.adopt(cmd.Context(), conf, p, "swap", c.to, false)
		}
		if err := c.catchUp(cmd.Context(), conf, p, *fed); err != nil {
			return err
		}
		c.caughtUp = true
	}
	m.Notice = c.Warn
	change, err := m.Swap(cmd.Context(), c.to, c.replace, c.unverified)
	if err != nil {
		return err
	}
	c.printChange(p.Name, change)
	return c.afterChange(cmd.Context(), conf, p, "swap", m, change.To, c.now)
}

// changeCommand is what the verbs that change an alias share.
type changeCommand struct {
	rebuilder
	limits   repairLimits
	caughtUp bool // the generation is fed, and has all that was committed before the change
}

// adopt makes a generation right, and lets the alias serve it.
func (c changeCommand) adopt(ctx context.Context, conf *config.Config, p config.Projection, verb, generation string, noSwap bool) error {
	o := rebuild.Options{NoSwap: noSwap, Adopt: &projector.Adopt{Generation: generation, Guard: projector.Guard{MaxDelete: c.limits.maxDelete, MaxStale: c.limits.maxStale}}}
	return c.one(ctx, c.runner(conf, verb), p, o)
}

// afterChange makes right what the alias serves now, if its projection is live; now: it only
// says what to type.
func (c changeCommand) afterChange(ctx context.Context, conf *config.Config, p config.Projection, verb string, m *generation.Admin, name string, now bool) error {
	if !p.Live {
		return c.warnUnfed(ctx, m, name)
	}
	if c.caughtUp || now {
		captures := runs.NewCaptures(c.leftovers(conf))
		captures.Tidy(ctx, p)
		captures.Name(ctx, p)
	}
	if c.caughtUp {
		return c.tellFeeding(ctx, conf, p, m)
	}
	if now {
		c.Warn(fmt.Sprintf("%s is as it was when it was last fed: what the sources changed since is not in it\n    make it right: %s", name, c.CommandLine("humpty follow", p.Name, "--adopt")))
		return nil
	}
	if err := c.adopt(ctx, conf, p, verb, name, false); err != nil {
		return fmt.Errorf("alias %s serves %s, which is not as its sources have it now: %w", p.Alias, name, err)
	}
	return nil
}

// warnUnfed warns of a generation that was verified a while ago: what the sources changed
// since is not in it, unless it was fed.
func (c changeCommand) warnUnfed(ctx context.Context, m *generation.Admin, generation string) error {
	survey, _, err := m.Status(ctx)
	if err != nil {
		return err
	}
	g, _ := survey.Find(generation)
	if v := g.Meta.Verified; v != nil && v.Why != "" {
		c.Warn(fmt.Sprintf("%s was verified by level %s: %s", generation, v.Level, v.Why))
	}
	if v := g.Meta.Verified; v == nil || time.Since(v.At) > time.Minute {
		when := "was never verified"
		if v != nil {
			when = "was verified " + render.Age(v.At) + " ago"
		}
		name := m.Projection
		c.Warn(fmt.Sprintf("%s %s: what the sources changed since is not in it, unless it was fed\n    look: %s; mend: %s",
			generation, when, c.CommandLine("humpty verify", name), c.CommandLine("humpty repair", name)))
	}
	return nil
}

// printChange says what was done to an alias.
func (c changeCommand) printChange(projection string, change sinks.AliasChange) {
	c.result.Change = &change
	c.Printf("%s: alias %s serves %s\n", projection, change.Alias, change.To)
	for _, step := range change.Actions {
		switch step.Verb {
		case "remove":
			c.Printf("  %s is kept, no longer behind the alias\n", step.Index)
		case "remove_index":
			c.Printf("  the index %s was deleted\n", step.Index)
		}
	}
}
