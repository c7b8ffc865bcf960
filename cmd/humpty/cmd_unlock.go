package main

import (
	"cmp"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/render"
	"humpty/internal/assemble"
	"humpty/internal/printable"
	"humpty/projector/lease"
)

// unlockCommand breaks the lease on a projection.
type unlockCommand struct{ *app }

func newUnlockCommand(a *app) *cobra.Command {
	c := unlockCommand{a}
	cmd := &cobra.Command{
		Use:   "unlock [PROJECTION]",
		Short: "Break the lease on a projection whose owner is stuck, or that is damaged",
		Long: `unlock takes the lease on a projection away from the run that has it, and gives it back. It
says who that is, since when, and whether the lease was renewed while unlock watched it. The
owner's writers are shut out: what it sends from then on has no effect. If it lives, it stops
when it renews its lease next, within seconds. The alias stays as it is.

The lease of a process that is dead needs no unlock: the next command that wants it watches it,
and takes it over when it has not changed for 60 s. unlock is for a process that is alive and
cannot be ended, and for a lease that is damaged. It asks for the alias's name; --yes answers
for machines.`,
		Example: `  humpty unlock orders
  humpty unlock orders --yes`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	return cmd
}

// unlockResult is what `unlock` found, and whether it broke that.
type unlockResult struct {
	Alias  string        `json:"alias"`
	Broken bool          `json:"broken"`
	Found  *lease.Broken `json:"found,omitempty"` // none: nothing was to be broken
}

func (c *unlockCommand) run(cmd *cobra.Command, args []string) error {
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	m, err := assemble.Admin(cmd.Context(), conf, p, "unlock")
	if err != nil {
		return err
	}
	was, err := lease.Inspect(cmd.Context(), m.Target)
	if err != nil {
		return err
	}
	done := &unlockResult{Alias: m.Alias, Found: was}
	c.result.Unlock = done
	if was == nil {
		c.Printf("%s: the lease is free, there is nothing to break\n", m.Projection)
		return nil
	}
	what := describeLease(was)
	question := fmt.Sprintf("%s: %s\nIts writers are shut out, and it stops. Type the alias's name (%s) to break the lease: ", m.Projection, what, m.Alias)
	if err := c.Confirm(question, m.Alias, c.CommandLine("humpty unlock", m.Projection, "--yes")); err != nil {
		return err
	}
	if err := m.Unlock(cmd.Context(), was); err != nil {
		return err
	}
	done.Broken = true
	c.Printf("%s: the lease was broken: %s\n", m.Projection, what)
	return nil
}

// describeLease says whose a lease is, and whether its owner lives.
func describeLease(b *lease.Broken) string {
	if b.Damaged != "" {
		return b.Damaged
	}
	l, since := b.Lease, "since a time that it does not say"
	if !l.Since.IsZero() {
		since = fmt.Sprintf("since %s (%s ago by the clock here)", l.Since.UTC().Format(time.RFC3339), render.Age(l.Since))
	}
	renewed := fmt.Sprintf("it did not change for the %s that it was watched", b.Watched.Round(time.Second))
	if b.Renewed {
		renewed = "it was renewed just now: that process lives"
	}
	o := l.Owner
	return fmt.Sprintf("run %s (%s by %s, pid %d on %s) has it %s; %s",
		printable.Value(o.Run), printable.Value(cmp.Or(o.Verb, "?")), printable.Value(cmp.Or(o.User, "?")), o.PID, printable.Value(o.Host), since, renewed)
}
