package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/rebuild"
	"humpty/cmd/humpty/internal/render"
	"humpty/internal/config"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/report"
)

const aboutRebuild = `rebuild reads the projection's tables, writes every document into a fresh index, compares
the two, and only then lets the alias serve it, in one atomic call.

With consistency: snapshot, the tables are read as they are when it begins. With live, what
others write meanwhile is captured and read again, until the moment of the swap; writer:
says what the application has to do (humpty help config).

What the alias serves now goes on serving until then and is kept after it (humpty rollback
goes back, humpty prune drops it later). If anything is wrong, the alias stays as it was:
documents that the target refused, a difference, an empty table, somebody else's run.

If the index was deleted and a writer has created one on the alias's own name, the new
generation is loaded and verified, and the command to go on with is printed (exit code 4).

--serve-early is for an alias that serves nothing: searches see the new generation as soon as
it has documents, those with the largest keys first. It is partial until the run is
completed (humpty status says so), and the alias refuses writes until then, so that none can
be lost; not with writer: handover, whose application never stops writing. If the run fails,
it stays partial, and the exit code is that of the failure.

--all rebuilds every projection of the file, those with the highest priority: first, equal
ones in the file's order. Those that read from the same source take turns, each with all of
its connections; those of different sources go on at the same time, and share the largest
limits.inflight. One that fails does not stop the others: the end says what became of each.

Ctrl-C stops it in good order. If a live run was stopped before, rebuild asks whether to go on
with it or to give it up and start over; where nobody can be asked, it refuses (exit code 4)
unless --resume or --new says it. A run that read a snapshot cannot be gone on with: the next
one takes a new snapshot, fills a new generation, and names the old half (humpty prune).`

// rebuildCommand rebuilds a read model, or all of them.
type rebuildCommand struct {
	rebuilder
	options     rebuild.Options
	dryRun, all bool
}

func newRebuildCommand(a *app) *cobra.Command {
	c := rebuildCommand{rebuilder: rebuilder{a}}
	cmd := &cobra.Command{
		Use:   "rebuild [PROJECTION]",
		Short: "Rebuild a read model into a fresh index, verify it, swap the alias to it",
		Long:  aboutRebuild,
		Example: `  humpty rebuild                    # the only projection of humpty.yaml
  humpty rebuild orders --json      # for machines; the last line is the result
  humpty rebuild orders --no-swap   # load and verify; then: humpty swap orders
  humpty rebuild orders --dry-run   # the same as humpty plan orders
  humpty rebuild --resume           # for a machine that starts it again until it is done
  humpty rebuild --all              # the day when everything is gone`,
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	f := cmd.Flags()
	c.options.Flags(cmd)
	f.BoolVar(&c.options.New, "new", false, "give up a run that was stopped, and start over")
	f.BoolVar(&c.options.Resume, "resume", false, "go on with a run that was stopped, if there is one")
	f.BoolVar(&c.options.ServeEarly, "serve-early", false, "where the alias serves nothing: let searches see the new generation while it is loaded, newest keys first")
	f.BoolVar(&c.options.Unindexed, "allow-unindexed", false, "live: begin although joins lack an index, and catch-up will be slow")
	f.BoolVar(&c.all, "all", false, "every projection of the file, in the order of their priority:")
	f.BoolVar(&c.dryRun, "dry-run", false, "only say what would be done")
	cmd.MarkFlagsMutuallyExclusive("new", "resume")
	limitFlags(cmd)
	return cmd
}

func (c *rebuildCommand) run(cmd *cobra.Command, args []string) error {
	ctx := cmd.Context()
	if c.all {
		if len(args) > 0 || c.dryRun {
			return console.Usage("--all takes every projection of the file, and --dry-run only one", "humpty plan PROJECTION for each")
		}
		conf, err := c.load(cmd)
		if err != nil {
			return err
		}
		return c.rebuilder.all(ctx, c.runner(conf, "rebuild"), c.options)
	}
	conf, p, err := c.projection(cmd, args)
	if err != nil {
		return err
	}
	if c.dryRun {
		plan := planCommand{app: c.app}
		return plan.plan(ctx, conf, p)
	}
	runner := c.runner(conf, "rebuild")
	if c.options, err = runner.Decide(ctx, p, c.options); err != nil {
		return err
	}
	return c.one(ctx, runner, p, c.options)
}

// rebuilder is what rebuild and resume share.
type rebuilder struct{ *app }

// runner runs rebuilds for a verb.
func (r rebuilder) runner(conf *config.Config, verb string) *rebuild.Runner {
	return &rebuild.Runner{
		Console: r.Console, Config: conf, Leftovers: r.leftovers(conf), Letters: r.deadLetters(), Watcher: &r.watcher,
		Verb: verb, Ending: func(ctx context.Context, err error) report.Status {
			return report.Status(ending(exitCode(ctx, err)))
		},
	}
}

// one does one, and says how it ended.
func (r rebuilder) one(ctx context.Context, runner *rebuild.Runner, p config.Projection, o rebuild.Options) error {
	record, err := runner.One(ctx, p, o)
	r.address(record)
	r.result.Record = record
	if err == nil {
		r.printRecord(p, *record)
	}
	return err
}

// address has the commands in a record be about this configuration.
func (r rebuilder) address(record *projector.Record) {
	if record == nil {
		return
	}
	record.Reason = r.Addressed(record.Reason)
	for i := range record.Notices {
		record.Notices[i] = r.Addressed(record.Notices[i])
	}
}

// printRecord is the end of a rebuild that did what was asked.
func (r rebuilder) printRecord(p config.Projection, record projector.Record) {
	var text strings.Builder
	render.Record(&text, record)
	r.Printf("%s", r.Addressed(text.String()))
	if p.Live && p.Writer == string(projector.WriterFollow) && record.Status == report.Completed {
		r.Printf("  next       keep it up to date: %s\n", r.CommandLine("humpty follow", p.Name))
	}
}

// all does all of them, and says what became of each. The error is that of those that failed.
func (r rebuilder) all(ctx context.Context, runner *rebuild.Runner, o rebuild.Options) error {
	outcomes, err := runner.All(ctx, o)
	if err != nil {
		return err
	}
	failed := &partialFailure{total: len(outcomes)}
	for _, one := range outcomes {
		if one.Err != nil {
			failed.names, failed.errors = append(failed.names, one.Projection.Name), append(failed.errors, one.Err)
		}
		r.result.Outcomes = append(r.result.Outcomes, r.outcome(ctx, runner.Verb, one))
	}
	r.printOutcomes()
	if len(failed.names) == 0 {
		return nil
	}
	return failed
}

// outcome says what became of one.
func (r rebuilder) outcome(ctx context.Context, verb string, one rebuild.Outcome) outcome {
	p, err := one.Projection, one.Err
	r.address(one.Record)
	o := outcome{Projection: p.Name, Status: report.Completed, ExitCode: exitCode(ctx, err), Record: one.Record}
	if o.Record != nil {
		o.Status = o.Record.Status
	}
	switch {
	case err == nil:
		r.printRecord(p, *one.Record)
	case errors.Is(err, rebuild.ErrNotStarted):
		o.Status, o.ExitCode = report.Interrupted, exitCode(ctx, context.Cause(ctx))
		o.Error = &failure{Message: err.Error(), Next: []string{r.CommandLine("humpty rebuild", p.Name)}}
	default:
		fmt.Fprintf(r.Err, "%s\n", p.Name)
		o.Error = explainer{r.Console, verb, p.Name, one.Record, nil}.explain(ctx, err)
		if o.Record == nil {
			o.Status = report.Status(ending(o.ExitCode))
		}
	}
	return o
}

// printOutcomes is the outcomes for a person.
func (r rebuilder) printOutcomes() {
	if r.JSON {
		return
	}
	w := tabwriter.NewWriter(r.Out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROJECTION\tENDED\tTIME\tDOCUMENTS\tNEXT")
	for _, o := range r.result.Outcomes {
		took, documents, next := "-", "-", ""
		if record := o.Record; record != nil {
			took, documents = ui.Time(ui.Seconds(record.Seconds)), ui.Count(record.Ledger.Written)
		}
		if o.Error != nil && len(o.Error.Next) > 0 {
			next = o.Error.Next[0]
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", o.Projection, o.Status, took, documents, cmp.Or(next, "-"))
	}
	_ = w.Flush() // the sink remembers
}
