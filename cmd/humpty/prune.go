package main

import (
	"bufio"
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/sinks"
)

// pruned is what `prune` did, or would do.
type pruned struct {
	DryRun  bool     `json:"dry_run,omitempty"`
	Chosen  []string `json:"chosen"`  // what is beyond what is kept
	Dropped []string `json:"dropped"` // what is gone

	Captures []capture `json:"captures,omitempty"` // slots and publications that nobody needs: gone, or to be
}

func (a *app) pruneCommand() *cobra.Command {
	var keep int
	var dryRun, stopped bool
	var slot string
	cmd := &cobra.Command{
		Use:   "prune [PROJECTION]",
		Short: "Drop old and failed generations",
		Long: `prune drops failed and unfinished generations, and retired ones beyond keep.generations
(or --keep). What a stopped live run can go on with stays, unless --stopped is given. It never drops what an alias serves, what a running rebuild fills, or what
humpty did not create. With them go the slots and publications of runs that are over or
whose generation is dropped, and what the state folder knows of them; a slot that no
projection of the file knows goes only by its name (--slot). It cannot be undone, so it asks for the alias's name; --yes answers
for machines.`,
		Example: `  humpty prune orders --dry-run
  humpty prune orders --keep 1 --yes`,
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		c, p, err := a.chosen(cmd, args)
		if err != nil {
			return err
		}
		if cmd.Flags().Changed("keep") {
			if keep < 0 {
				return &usageError{fmt.Sprintf("--keep %d: generations cannot be negative", keep), "humpty help prune"}
			}
			p.Keep = keep
		}
		a.mend(cmd.Context(), c, p)
		m, err := assemble.Manage(cmd.Context(), c, p, "prune")
		if err != nil {
			return err
		}
		return a.prune(cmd, c, p, m, slot, dryRun, stopped)
	})
	cmd.Flags().IntVar(&keep, "keep", 0, "generations to keep besides the live one; keep.generations of the file by default")
	cmd.Flags().StringVar(&slot, "slot", "", "also a slot and publication that no projection of the file knows, by its name (humpty status)")
	cmd.Flags().BoolVar(&stopped, "stopped", false, "also give up live runs that were stopped, which cannot be gone on with then")
	cmd.Flags().BoolVar(&dryRun, "dry-run", false, "only say what would be dropped")
	return cmd
}

func (a *app) prune(cmd *cobra.Command, c *config.Config, p config.Projection, m *projector.Manage, slot string, dryRun, stopped bool) error {
	chosen, err := m.Prunable(cmd.Context())
	if err != nil {
		return err
	}
	if !stopped {
		if chosen, err = a.withoutStopped(c, p, chosen); err != nil {
			return err
		}
	}
	done := &pruned{DryRun: dryRun, Chosen: []string{}, Dropped: []string{}}
	a.result.Prune = done
	for _, g := range chosen {
		done.Chosen = append(done.Chosen, g.Name)
	}
	if done.Captures, err = a.needless(cmd.Context(), c, p, chosen, slot, stopped); err != nil {
		return err
	}
	alias, what := m.Projection.Alias, describe(chosen)
	for _, one := range done.Captures {
		what += "  " + one.String() + "\n"
	}
	switch {
	case what == "":
		a.printf("%s: nothing to drop\n", m.Projection.Name)
		return nil
	case dryRun:
		a.printf("%s: would drop\n%s", m.Projection.Name, what)
		return nil
	}
	question := fmt.Sprintf("%s: these will be deleted for good:\n%sType the alias's name (%s) to go on: ", m.Projection.Name, what, alias)
	if err := a.confirm(question, alias, a.typed("humpty prune", m.Projection.Name, "--yes")); err != nil {
		return err
	}
	if len(chosen) > 0 {
		done.Dropped, err = m.Prune(cmd.Context(), done.Chosen)
	}
	for _, name := range done.Dropped {
		a.printf("%s: dropped %s\n", m.Projection.Name, name)
	}
	if err != nil {
		return err
	}
	return a.dropCaptures(cmd.Context(), c, p, chosen, done.Captures)
}

// withoutStopped leaves out the generations that live runs can go on with.
func (a *app) withoutStopped(c *config.Config, p config.Projection, chosen []sinks.Generation) ([]sinks.Generation, error) {
	runs, err := a.stoppedRuns(c, p)
	return slices.DeleteFunc(chosen, func(g sinks.Generation) bool {
		at := slices.IndexFunc(runs, func(r stoppedRun) bool { return r.Run == g.Meta.Run })
		if at >= 0 {
			a.printf("%s: %s stays: %s goes on with it; --stopped gives it up\n", p.Name, g.Name, a.typed("humpty resume", runs[at].Run))
		}
		return at >= 0
	}), err
}

func describe(all []sinks.Generation) string {
	var b strings.Builder
	for _, g := range all {
		fmt.Fprintf(&b, "  %s (%s, %s documents, %s)\n", g.Name, g.Meta.State, known(g.Documents, ui.Count), known(g.Bytes, ui.Bytes))
	}
	return b.String()
}

// confirm asks a person to type a word. Off a terminal nobody can answer: it refuses,
// and names the flag.
func (a *app) confirm(question, word, command string) error {
	if a.flags.yes {
		return nil
	}
	if !a.asks() {
		return &problem.Refusal{Why: "this cannot be undone, and there is no terminal to ask at", Remedy: "if it is meant: " + command}
	}
	fmt.Fprint(a.err, question)
	answer, err := bufio.NewReader(a.in).ReadString('\n')
	if strings.TrimSpace(answer) != word || err != nil && answer == "" {
		return &problem.Refusal{Why: fmt.Sprintf("the name %s was not typed: nothing was deleted", word)}
	}
	return nil
}
