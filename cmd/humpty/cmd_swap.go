package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/render"
	"humpty/internal/assemble"
	"humpty/internal/problem"
	"humpty/projector/generation"
	"humpty/sinks"
)

// swapCommand lets the alias serve another generation.
type swapCommand struct {
	changeCommand
	to, replace string
	unverified  bool
}

func newSwapCommand(a *app) *cobra.Command {
	c := swapCommand{changeCommand: changeCommand{a}}
	cmd := &cobra.Command{
		Use:   "swap [PROJECTION]",
		Short: "Let the alias serve another generation",
		Long: `swap lets the alias serve a generation that exists already, in one atomic call, and reads
the alias again before it says so. Without --to it is the newest verified one beside the
one that serves now. Nothing is deleted; humpty rollback goes back.

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
	m.Notice = c.Warn
	change, err := m.Swap(cmd.Context(), c.to, c.replace, c.unverified)
	if err != nil {
		return err
	}
	c.printChange(p.Name, change)
	return c.warnUnfed(cmd.Context(), m, change.To)
}

// changeCommand is what the verbs that change an alias share.
type changeCommand struct{ *app }

// warnUnfed warns of a generation that was verified a while ago: what the sources changed
// since is not in it, unless it was fed.
func (c changeCommand) warnUnfed(ctx context.Context, m *generation.Admin, generation string) error {
	survey, _, err := m.Status(ctx)
	if err != nil {
		return err
	}
	g, _ := survey.Find(generation)
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
