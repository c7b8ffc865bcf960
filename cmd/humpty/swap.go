package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"humpty/internal/assemble"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/sinks"
)

func (a *app) swapCommand() *cobra.Command {
	var to, replace string
	var unverified bool
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
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		c, p, err := a.chosen(cmd, args)
		if err != nil {
			return err
		}
		if replace != "" && replace != p.Alias {
			return &problem.Refusal{
				Why:    fmt.Sprintf("--replace-index %s is not the name that is in the way: only an index on the alias's own name, %s, can be replaced", replace, p.Alias),
				Remedy: fmt.Sprintf("humpty status %s shows what is there", p.Name),
			}
		}
		m, err := assemble.Manage(cmd.Context(), c, p, "swap")
		if err != nil {
			return err
		}
		change, err := m.Swap(cmd.Context(), to, replace, unverified)
		if err != nil {
			return err
		}
		a.changed(p.Name, change)
		return a.aged(cmd.Context(), m, change.To)
	})
	f := cmd.Flags()
	f.StringVar(&to, "to", "", "the generation to serve; the newest verified one by default")
	f.StringVar(&replace, "replace-index", "", "delete the index of this name, which sits on the alias's name")
	f.BoolVar(&unverified, "unverified", false, "allow a generation that was not verified")
	return cmd
}

func (a *app) rollbackCommand() *cobra.Command {
	var to string
	cmd := &cobra.Command{
		Use:   "rollback [PROJECTION]",
		Short: "Let the alias serve the generation that was live before",
		Long: `rollback lets the alias serve the generation that was live before the present one, or the
one that --to names. What was written to the present one since the swap is not in the old
one: after a rollback, rebuild. Nothing is deleted.`,
		Example: `  humpty rollback orders
  humpty rollback orders --to orders-20261116t030000`,
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		c, p, err := a.chosen(cmd, args)
		if err != nil {
			return err
		}
		m, err := assemble.Manage(cmd.Context(), c, p, "rollback")
		if err != nil {
			return err
		}
		change, err := m.Rollback(cmd.Context(), to)
		if err != nil {
			return err
		}
		a.changed(p.Name, change)
		return a.aged(cmd.Context(), m, change.To)
	})
	cmd.Flags().StringVar(&to, "to", "", "the generation to serve; the one that was live before by default")
	return cmd
}

// aged warns of a generation that was verified a while ago: what the sources changed
// since is not in it, unless somebody fed it.
func (a *app) aged(ctx context.Context, m *projector.Manage, generation string) error {
	survey, _, err := m.Status(ctx)
	if err != nil {
		return err
	}
	g, _ := survey.Find(generation)
	if v := g.Meta.Verified; v == nil || time.Since(v.At) > time.Minute {
		when := "was never verified"
		if v != nil {
			when = "was verified " + age(v.At) + " ago"
		}
		name := m.Projection.Name
		a.warn(fmt.Sprintf("%s %s: what the sources changed since is not in it, unless it was fed\n    look: %s; mend: %s",
			generation, when, a.typed("humpty verify", name), a.typed("humpty repair", name)))
	}
	return nil
}

// changed says what was done to an alias.
func (a *app) changed(projection string, c sinks.AliasChange) {
	a.result.Change = &c
	a.printf("%s: alias %s serves %s\n", projection, c.Alias, c.To)
	for _, step := range c.Actions {
		switch step.Verb {
		case "remove":
			a.printf("  %s is kept, no longer behind the alias\n", step.Index)
		case "remove_index":
			a.printf("  the index %s was deleted\n", step.Index)
		}
	}
}
