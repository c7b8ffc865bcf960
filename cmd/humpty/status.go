package main

import (
	"fmt"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/lease"
	"humpty/projector/report"
	"humpty/sinks"
)

// shown is what `status` found for one projection.
type shown struct {
	Projection string       `json:"projection"`
	Survey     sinks.Survey `json:"survey"`
	Partial    string       `json:"partial,omitempty"` // the generation that searches see though it is not complete
	Lease      *lease.State `json:"lease,omitempty"`
	Captures   []capture    `json:"captures,omitempty"` // on the source
	Stopped    []stoppedRun `json:"stopped,omitempty"`  // can be gone on with here
	Halves     []string     `json:"halves,omitempty"`   // generations that were left half done, and cannot be gone on with here
	Followed   bool         `json:"followed,omitempty"` // a process here keeps it up to date
}

func (a *app) statusCommand() *cobra.Command {
	var follow bool
	cmd := &cobra.Command{
		Use:   "status [PROJECTION]",
		Short: "Show what an alias serves, its generations, and who works on them",
		Long: `status reads from the target what the alias serves, which generations there are (with
state, documents, size and age), who holds the lease, and what that run does: phase, progress,
ETA until the alias serves, lag, what it waits for, its last error, as it says every 5 s. It
works from any machine, also while a rebuild runs elsewhere. Live runs that were stopped, of
which the state folder here knows, are named with how far they are, and so are generations
that were left half done and that nothing here goes on with.

--follow shows what a live run does that a process on this machine is at work on, until it
ends: from another terminal, or when the one that began it is gone.`,
		Example: `  humpty status
  humpty status orders --json
  humpty status --follow`,
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		c, projections, err := a.some(cmd, args)
		if err != nil {
			return err
		}
		if follow {
			return a.attach(cmd.Context(), c, projections)
		}
		var all []error
		for _, p := range projections {
			a.mend(cmd.Context(), c, p)
			m, err := assemble.Manage(cmd.Context(), c, p, "status")
			if err == nil {
				var s shown
				s.Projection = p.Name
				if s.Survey, s.Lease, err = m.Status(cmd.Context()); err == nil {
					s.Survey, s.Partial = listed(s.Survey), s.Survey.Partial()
					s.Stopped, err = a.stoppedRuns(c, p)
					halves := a.halvesIn(c, p, s.Survey, s.Lease)
					for _, g := range halves {
						s.Halves = append(s.Halves, g.Name)
					}
					s.Followed = a.isFollowed(c, p, s.Survey)
					a.show(s)
					for _, g := range halves {
						a.printf("  %s\n", a.half(p, g))
					}
					s.Captures = a.captured(cmd.Context(), c, p)
					a.result.Projections = append(a.result.Projections, s)
				}
			}
			all = append(all, err)
		}
		return a.joined(all)
	})
	cmd.Flags().BoolVar(&follow, "follow", false, "attach to the live run that is under way here")
	return cmd
}

// stoppedRun is a live run that can be gone on with.
type stoppedRun struct {
	Run        string    `json:"run"`
	Generation string    `json:"generation"`
	Started    time.Time `json:"started"`
	Done       int       `json:"done"` // partitions
	Partitions int       `json:"partitions"`
}

func (a *app) stoppedRuns(c *config.Config, p config.Projection) ([]stoppedRun, error) {
	if !p.Live {
		return nil, nil
	}
	state, err := a.state(c)
	if err != nil {
		return nil, err
	}
	runs, err := state.Unfinished(p.Name)
	var all []stoppedRun
	for _, b := range runs {
		all = append(all, stoppedRun{b.Run, b.Generation, b.Started, b.Done, len(b.Partitions)})
	}
	return all, err
}

// isFollowed reports whether a process here has the marks of what serves: humpty follow.
func (a *app) isFollowed(c *config.Config, p config.Projection, survey sinks.Survey) bool {
	live, ok := survey.Find(survey.Live())
	if !ok || !p.Live || p.Writer != string(projector.WriterFollow) {
		return false
	}
	state, err := a.state(c)
	if err != nil || !state.Has(p.Name, live.Meta.Run) {
		return false
	}
	free, err := idle(state, p.Name, live.Meta.Run)
	return err == nil && !free
}

func (a *app) show(s shown) {
	a.printf("%s: %s\n", s.Projection, serves(s.Survey))
	a.printf("  on %s\n", strings.TrimSpace(strings.Join([]string{s.Survey.Product, s.Survey.Version, s.Survey.Cluster}, " ")))
	if c := s.Survey.Conflict; c != nil {
		a.printf("  an index, not an alias, sits on the name %s, with %s documents: humpty help swap\n", c.Index, ui.Count(c.Documents))
	}
	if !a.flags.json && len(s.Survey.Generations) > 0 {
		w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "  GENERATION\tSTATE\tDOCUMENTS\tSIZE\tAGE\tVERIFIED")
		for _, g := range s.Survey.Generations {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\n", g.Name, g.Meta.State, known(g.Documents, ui.Count), known(g.Bytes, ui.Bytes), age(g.Created), verified(g.Meta))
		}
		_ = w.Flush() // the sink remembers
	}
	for _, g := range s.Survey.Generations {
		if g.Meta.State == sinks.Failed && g.Meta.Reason != "" {
			a.printf("  %s failed: %s\n", g.Name, indent3(g.Meta.Reason))
		}
	}
	for _, r := range s.Stopped {
		a.printf("  run %s was stopped: %d of %d partitions of %s are done (began %s ago); go on with it: %s\n",
			r.Run, r.Done, r.Partitions, r.Generation, age(r.Started), a.typed("humpty resume", r.Run))
		if g, ok := s.Survey.Find(r.Generation); ok && g.Meta.Reason != "" {
			a.printf("    why: %s\n", indent3(g.Meta.Reason))
		}
	}
	switch l := s.Lease; {
	case l == nil:
	case l.Held:
		o := l.Lease.Owner
		a.printf("  run %s (%s by %s, pid %d on %s) works on it; its lease runs out in %s unless it is renewed\n", o.Run, o.Verb, o.User, o.PID, o.Host, ui.Time(l.Left))
		a.doing(l.Activity)
	case s.Followed:
		a.printf("  no run works on it; humpty follow keeps it up to date\n")
	default:
		a.printf("  nobody works on it\n")
	}
}

// doing says what the holder of a lease does, as it said last.
func (a *app) doing(d *report.Activity) {
	if d == nil || d.Phase == "" {
		return
	}
	now := time.Now()
	a.printf("    %s (as of %s ago)\n", ui.Doing(*d, now), age(d.At))
	if d.Error != "" {
		a.printf("    last error: %s\n", indent3(d.Error))
	}
}

// listed makes empty lists of absent ones, so that scripts need not tell them apart.
func listed(s sinks.Survey) sinks.Survey {
	if s.Serving == nil {
		s.Serving = []sinks.Serving{}
	}
	if s.Generations == nil {
		s.Generations = []sinks.Generation{}
	}
	return s
}

func serves(s sinks.Survey) string {
	if len(s.Serving) == 0 {
		return fmt.Sprintf("alias %s does not exist", s.Alias)
	}
	var all []string
	for _, v := range s.Serving {
		foreign := ""
		switch {
		case !v.Ours:
			foreign = ", not made by humpty"
		case s.Partial() == v.Index:
			foreign = ", partial: not completed; writes through the alias are refused"
		}
		all = append(all, fmt.Sprintf("%s (%s documents%s)", v.Index, known(v.Documents, ui.Count), foreign))
	}
	return fmt.Sprintf("alias %s serves %s", s.Alias, strings.Join(all, ", "))
}

func known(n int64, format func(int64) string) string {
	if n < 0 {
		return "?"
	}
	return format(n)
}

func age(t time.Time) string {
	if t.IsZero() {
		return "?"
	}
	d := time.Since(t)
	if d > 48*time.Hour {
		return fmt.Sprintf("%dd", int(d.Hours())/24)
	}
	return ui.Time(d)
}

func verified(m sinks.Meta) string {
	if m.Verified == nil {
		return "no"
	}
	return m.Verified.Level
}
