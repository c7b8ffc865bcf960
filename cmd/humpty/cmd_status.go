package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/render"
	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/printable"
	"humpty/internal/ui"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
	"humpty/sinks"
)

// statusCommand shows what an alias serves.
type statusCommand struct {
	*app
	follow bool
}

func newStatusCommand(a *app) *cobra.Command {
	c := statusCommand{app: a}
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
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	cmd.Flags().BoolVar(&c.follow, "follow", false, "attach to the live run that is under way here")
	return cmd
}

func (c *statusCommand) run(cmd *cobra.Command, args []string) error {
	conf, projections, err := c.projections(cmd, args)
	if err != nil {
		return err
	}
	if c.follow {
		return c.attach(cmd.Context(), conf, projections)
	}
	leftovers := c.leftovers(conf)
	var all []error
	for _, p := range projections {
		leftovers.Heal(cmd.Context(), p)
		m, err := assemble.Admin(cmd.Context(), conf, p, "status")
		if err == nil {
			var s projectionStatus
			s.Projection = p.Name
			if s.Survey, s.Lease, err = m.Status(cmd.Context()); err == nil {
				s.Survey, s.Partial = render.Listed(s.Survey), s.Survey.Partial()
				s.Stopped, err = leftovers.Resumable(p)
				partial := leftovers.PartialGenerations(p, s.Survey, s.Lease)
				for _, g := range partial {
					s.Incomplete = append(s.Incomplete, g.Name)
				}
				s.Followed = leftovers.Followed(p, s.Survey)
				var unknown error
				if s.Fed, unknown = leftovers.Fed(p, s.Survey); unknown != nil {
					c.Warn(p.Name + ": whether what served before is fed is not known: " + unknown.Error())
				}
				live, serves := s.Survey.Find(s.Survey.Live())
				if s.Stored = serves && p.FeedPrevious != 0 && live.Meta.Definition != p.Hash; s.Stored {
					c.Warn(followedByStored(p, live.Name))
				}
				if s.Refused, unknown = leftovers.Refused(p, s.Survey); unknown != nil {
					c.Warn(p.Name + ": what follow could not write is not known: " + unknown.Error())
				}
				s.ForeignPaths = leftovers.ForeignPaths(p)
				c.printStatus(s)
				c.printForeign(s)
				for _, g := range partial {
					c.Printf("  %s\n", leftovers.DescribePartial(p, g))
				}
				s.Captures = c.printCaptures(cmd.Context(), leftovers, p)
				c.result.Projections = append(c.result.Projections, s)
			}
		}
		all = append(all, err)
	}
	return joinErrors(all)
}

func (c *statusCommand) printStatus(s projectionStatus) {
	c.Printf("%s: %s\n", s.Projection, render.Serves(s.Survey))
	c.Printf("  on %s\n", strings.TrimSpace(strings.Join([]string{s.Survey.Product, s.Survey.Version, s.Survey.Cluster}, " ")))
	if index := s.Survey.Conflict; index != nil {
		c.Printf("  an index, not an alias, sits on the name %s, with %s documents: humpty help swap\n", index.Index, ui.Count(index.Documents))
	}
	if !c.JSON && len(s.Survey.Generations) > 0 {
		w := tabwriter.NewWriter(c.Out, 0, 0, 2, ' ', 0)
		fmt.Fprintln(w, "  GENERATION\tSTATE\tDOCUMENTS\tSIZE\tAGE\tVERIFIED")
		for _, g := range s.Survey.Generations {
			fmt.Fprintf(w, "  %s\t%s\t%s\t%s\t%s\t%s\n", g.Name, printable.Value(string(g.Meta.State)), render.Known(g.Documents, ui.Count), render.Known(g.Bytes, ui.Bytes), render.Age(g.Created), render.Verified(g.Meta, s.refused(g)))
		}
		_ = w.Flush() // the sink remembers
	}
	for _, g := range s.Survey.Generations {
		if g.Meta.State == sinks.Failed && g.Meta.Reason != "" {
			c.Printf("  %s failed: %s\n", g.Name, render.Indent(c.Addressed(g.Meta.Reason)))
		}
	}
	if r := s.Refused; r != nil && (len(r.Documents) > 0 || r.Poison > 0) {
		c.printRefused(s.Projection, *r)
	}
	c.printFed(s.Fed)
	for _, r := range s.Stopped {
		c.Printf("  run %s was stopped: %d of %d partitions of %s are done (began %s ago); go on with it: %s\n",
			r.Run, r.Done, r.Partitions, r.Generation, render.Age(r.Started), c.CommandLine("humpty resume", r.Run))
		if g, ok := s.Survey.Find(r.Generation); ok && g.Meta.Reason != "" {
			c.Printf("    why: %s\n", render.Indent(c.Addressed(g.Meta.Reason)))
		}
	}
	switch l := s.Lease; {
	case l == nil:
	case l.Damaged != "":
		c.Printf("  %s\n    this breaks it: %s\n", l.Damaged, c.CommandLine("humpty unlock", s.Projection))
	case l.Held:
		o := l.Lease.Owner
		c.Printf("  run %s (%s by %s, pid %d on %s) works on it; its lease is over in %s if it does not renew it\n", printable.Value(o.Run), printable.Value(o.Verb), printable.Value(o.User), o.PID, printable.Value(o.Host), ui.Time(l.Left))
		c.printActivity(l.Activity)
	case !l.Lease.Free():
		o := l.Lease.Owner
		c.Printf("  nobody works on it: run %s (%s, pid %d on %s) has not given its lease back, which is over\n", printable.Value(o.Run), printable.Value(o.Verb), o.PID, printable.Value(o.Host))
	case s.Followed:
		c.Printf("  no run works on it; humpty follow keeps it up to date\n")
	default:
		c.Printf("  nobody works on it\n")
	}
}

// printForeign says what looks as if it were ours and is not.
func (c *statusCommand) printForeign(s projectionStatus) {
	for _, f := range s.Survey.Foreign {
		text := fmt.Sprintf("index %s (%s documents) is no generation: %s", printable.Value(f.Index), render.Known(f.Documents, ui.Count), printable.Value(f.Why))
		if f.Unfinished {
			c.Printf("  %s; drop it: %s\n", text, c.CommandLine("humpty prune", s.Projection, "--unfinished", f.Index))
			continue
		}
		c.Printf("  %s; it is not touched\n", text)
	}
	for _, f := range s.ForeignPaths {
		c.Printf("  %s in the state folder is no run's: %s; it is not touched\n", printable.Value(f.Path), printable.Value(f.Why))
	}
}

// printFed says what is kept up to date though another one serves.
func (c *statusCommand) printFed(fed *runs.Fed) {
	if fed == nil {
		return
	}
	if fed.NotFed != "" {
		c.Printf("  %s, which served before, is not fed: %s\n", fed.Generation, printable.Value(render.FirstLine(fed.NotFed)))
		return
	}
	by := ""
	if fed.Stored {
		by = " by the definition that it was made by, which is stored with it,"
	}
	c.Printf("  %s, which served before, is fed%s %s; humpty rollback goes back to it\n", fed.Generation, by, fed.Term())
	if fed.Trouble != "" {
		c.Printf("    but it is not up to date, as humpty follow said %s ago: %s\n", render.Age(fed.Told), printable.Value(render.FirstLine(fed.Trouble)))
	}
}

// printRefused says what the live projector could not write.
func (c *statusCommand) printRefused(projection string, r checkpoint.Refused) {
	if n := len(r.Documents); n > 0 {
		first := r.Documents[0]
		c.Printf("  %d refused: the index has an older document of each, or none; first %s: %s: %s\n    look at them: %s; they are tried again when their rows change\n",
			n, printable.Value(clipped(first.ID)), printable.Value(first.Type), printable.Value(render.FirstLine(first.Reason)), c.CommandLine("humpty dlq list", projection))
	}
	if r.Poison > 0 {
		c.Printf("  unreadable events: %d, left out: %s\n", r.Poison, c.CommandLine("humpty dlq list", projection))
	}
	if r.Aside != "" {
		c.Printf("  set aside, and tried again each minute: %s\n", printable.Value(r.Aside))
	}
}

// clipped is the beginning of an id: some are refused for their length.
func clipped(id string) string {
	const shown = 60
	if len(id) <= shown {
		return id
	}
	return id[:shown] + "…"
}

// printActivity says what the holder of a lease does, as it said last.
func (c *statusCommand) printActivity(d *report.Activity) {
	if d == nil || d.Phase == "" {
		return
	}
	now := time.Now()
	c.Printf("    %s (as of %s ago)\n", ui.Activity(*d, now), render.Age(d.At))
	if d.Error != "" {
		c.Printf("    last error: %s\n", render.Indent(c.Addressed(d.Error)))
	}
}

// printCaptures adds to what status shows; that a database does not verbResult must not hide what
// the target says.
func (c *statusCommand) printCaptures(ctx context.Context, leftovers *runs.Leftovers, p config.Projection) []runs.Capture {
	if !p.Live {
		return nil
	}
	captures := runs.NewCaptures(leftovers)
	all, err := captures.Of(ctx, p)
	if err != nil {
		c.Warn(p.Name + ": what live runs hold on the source cannot be said: " + err.Error())
	}
	for _, one := range all {
		c.Printf("  %s\n", strings.TrimSuffix(one.String()+"; "+captures.Remedy(one, p.Name), "; "))
	}
	return all
}

// attach shows what a live run does that another process is at work on, from its log, until
// it ends or stops being worked on.
func (c *statusCommand) attach(ctx context.Context, conf *config.Config, projections []config.Projection) error {
	leftovers := c.leftovers(conf)
	state, err := leftovers.State()
	if err != nil {
		return err
	}
	p, run, err := leftovers.Active(projections)
	if err != nil {
		return err
	}
	f, err := os.Open(state.LogPath(p.Name, run))
	if err != nil {
		return fmt.Errorf("read the log of run %s: %w", run, err)
	}
	defer f.Close()
	loud := *c.Console
	loud.Quiet = false // it was asked for
	reporter := ui.NewReporter(loud.Progress())
	var end runs.LogEnd
	err = reporter.Run(ctx, func(ctx context.Context, show func(report.Event)) error {
		if c.JSON {
			show = c.Events("")
		}
		var err error
		end, err = runs.Replay(ctx, f, show, func() (bool, error) { return runs.Idle(state, p.Name, run) })
		return err
	})
	if err != nil {
		return err
	}
	switch {
	case end.Status == "":
		c.Printf("%s: nobody works on run %s any more; go on with it: %s\n", p.Name, run, c.CommandLine("humpty resume", run))
	case end.Resumable:
		c.Printf("%s: run %s stopped (%s): %s\n  go on with it: %s\n", p.Name, run, end.Status, c.Addressed(end.Reason), c.CommandLine("humpty resume", run))
	default:
		c.Printf("%s: run %s ended: %s %s\n", p.Name, run, end.Status, c.Addressed(end.Reason))
	}
	return nil
}

// followedByStored says that the file's definition is not that of what serves.
func followedByStored(p config.Projection, generation string) string {
	return fmt.Sprintf("%s: %s was made by another definition than the one of the file: humpty follow keeps it up to date by the one that is stored with it\n"+
		"    put the file back when you stay with it; humpty rebuild %[1]s makes a generation of the file's", p.Name, generation)
}
