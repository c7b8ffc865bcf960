package main

import (
	"context"
	"errors"
	"fmt"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector/generation"
)

// rollbackCommand lets the alias serve the generation that was live before.
type rollbackCommand struct {
	changeCommand
	to  string
	now bool
}

func newRollbackCommand(a *app) *cobra.Command {
	c := rollbackCommand{changeCommand: changeCommand{rebuilder: rebuilder{a}}}
	cmd := &cobra.Command{
		Use:   "rollback [PROJECTION]",
		Short: "Let the alias serve the generation that was live before",
		Long: `rollback lets the alias serve the generation that was live before the present one, or the
one that --to names, at once. Nothing is deleted. It refuses one that has lost more of its own
documents since it served than limits.shrink allows.

A generation that humpty follow feeds (keep.feed_previous: 24h) has what was written since the
swap: rollback waits until it has all that is committed, then lets it serve. The one that served
is fed in turn, so that the next rollback goes forward again. If the file holds another definition
than the one that made it, humpty follow continues by the one that is stored with it.

What was written since the swap is not in another one. With consistency: live that is made right
behind the switch, as humpty follow --adopt does; --now leaves it. With consistency: snapshot,
repair it or rebuild.`,
		Example: `  humpty rollback orders
  humpty rollback orders --to orders-20261116t030000`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	cmd.Flags().StringVar(&c.to, "to", "", "the generation to serve; the one that was live before by default")
	cmd.Flags().BoolVar(&c.now, "now", false, "live: do not make right what the alias serves then")
	shrinkFlag(cmd)
	c.limits.flags(cmd)
	return cmd
}

func (c *rollbackCommand) run(cmd *cobra.Command, args []string) error {
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	m, err := assemble.Admin(cmd.Context(), conf, p, "rollback")
	if err != nil {
		return err
	}
	if !c.now {
		fed, err := c.fed(cmd.Context(), conf, p, m, c.to)
		if err != nil {
			return err
		}
		if fed != nil {
			if err := c.catchUp(cmd.Context(), conf, p, *fed); err != nil {
				return err
			}
			c.to, c.caughtUp = fed.Generation, true
		}
	}
	m.Notice = c.Warn
	change, err := m.Rollback(cmd.Context(), c.to)
	if err != nil {
		return err
	}
	c.printChange(p.Name, change)
	return c.afterChange(cmd.Context(), conf, p, "rollback", m, change.To, c.now)
}

// fed is the generation of that name if it is kept up to date though another one serves, or if
// that can be resumed here; nil if not.
func (c changeCommand) fed(ctx context.Context, conf *config.Config, p config.Projection, m *generation.Admin, name string) (*runs.Fed, error) {
	if !p.Live {
		return nil, nil
	}
	survey, _, err := m.Status(ctx)
	if err != nil {
		return nil, err
	}
	if live, ok := survey.Find(survey.Live()); name == "" && ok {
		name = live.Meta.Previous
	}
	fed, err := runs.NewCaptures(c.leftovers(conf)).Fed(ctx, p, survey, name)
	if err != nil || fed != nil {
		return fed, err
	}
	if known, err := c.leftovers(conf).Fed(p, survey); err == nil && known != nil && known.Generation == name && known.NotFed != "" {
		c.Warn(fmt.Sprintf("%s is not fed: %s", name, known.NotFed))
	}
	return nil, nil
}

// catchUp returns when all that is committed now is in a generation that is fed: humpty follow
// says so, or, where none runs, it is done here.
func (c changeCommand) catchUp(ctx context.Context, conf *config.Config, p config.Projection, fed runs.Fed) error {
	state, err := c.stateFolder(conf)
	if err != nil {
		return err
	}
	idle := func() bool {
		idle, err := runs.Idle(state, p.Name, fed.Run)
		return err == nil && idle
	}
	if idle() {
		f, letters, err := newProjector(ctx, c.app, conf, p, state, nil)
		if err != nil {
			return err
		}
		err = f.CatchUp(ctx, fed.Generation)
		_, _, closeErr := letters.Close()
		err = errors.Join(err, closeErr)
		if err == nil {
			c.Printf("%s: %s has all that was committed; nobody follows now: start humpty follow %[1]s\n", p.Name, fed.Generation)
			return nil
		}
		if idle() { // else humpty follow was quicker
			return err
		}
	}
	answered, err := runs.NewCaptures(c.leftovers(conf)).Fence(ctx, p, fed, assemble.Owner("rollback").Run, idle)
	switch {
	case err != nil:
		return err
	case answered:
		c.Printf("%s: %s has all that was committed, says humpty follow\n", p.Name, fed.Generation)
		return nil
	case idle():
		return c.catchUp(ctx, conf, p, fed)
	}
	return &problem.Refusal{
		Why:    fmt.Sprintf("humpty follow has %s, and does not say that it has caught up with it; nothing was changed", fed.Generation),
		Remedy: fmt.Sprintf("look what it waits for: %s; or serve %s as it is: %s", c.CommandLine("humpty status", p.Name), fed.Generation, c.CommandLine("humpty rollback", p.Name, "--to", fed.Generation, "--now")),
	}
}

// tellFeeding says what is fed since the alias serves another generation, and by which definition
// what serves is followed.
func (c changeCommand) tellFeeding(ctx context.Context, conf *config.Config, p config.Projection, m *generation.Admin) error {
	survey, _, err := m.Status(ctx)
	if err != nil {
		return err
	}
	if live, ok := survey.Find(survey.Live()); ok && live.Meta.Definition != p.Hash {
		c.Warn(followedByStored(p, live.Name))
	}
	fed, err := c.leftovers(conf).Fed(p, survey)
	if err == nil && fed != nil && fed.NotFed == "" {
		c.Printf("%s: %s is fed %s; humpty rollback goes back to it\n", p.Name, fed.Generation, fed.Term())
	}
	return err
}
