package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/ledger"
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

func (a *app) rebuildCommand() *cobra.Command {
	var o rebuilding
	var dryRun, all bool
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
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		if all {
			if len(args) > 0 || dryRun {
				return &usageError{"--all takes every projection of the file, and --dry-run only one", "humpty plan PROJECTION for each"}
			}
			return a.rebuildAll(cmd, "rebuild", o)
		}
		c, p, err := a.chosen(cmd, args)
		if err != nil {
			return err
		}
		if dryRun {
			return a.plan(cmd.Context(), c, p)
		}
		if o, err = a.goesOn(cmd.Context(), c, p, o); err != nil {
			return err
		}
		return a.rebuild(cmd.Context(), c, p, "rebuild", o)
	})
	f := cmd.Flags()
	o.flags(cmd)
	f.BoolVar(&o.anew, "new", false, "give up a run that was stopped, and start over")
	f.BoolVar(&o.goOn, "resume", false, "go on with a run that was stopped, if there is one")
	f.BoolVar(&o.early, "serve-early", false, "where the alias serves nothing: let searches see the new generation while it is loaded, newest keys first")
	f.BoolVar(&o.unindexed, "allow-unindexed", false, "live: begin although joins lack an index, and catch-up will be slow")
	f.BoolVar(&all, "all", false, "every projection of the file, in the order of their priority:")
	f.BoolVar(&dryRun, "dry-run", false, "only say what would be done")
	cmd.MarkFlagsMutuallyExclusive("new", "resume")
	limitFlags(cmd)
	return cmd
}

// rebuilding is how a rebuild is meant.
type rebuilding struct {
	allowEmpty, noSwap bool
	anew, unindexed    bool   // live
	early              bool   // serve what is there
	goOn               bool   // with what was stopped, if anything was
	resume             string // the run to go on with
}

func (o *rebuilding) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.allowEmpty, "allow-empty", false, "let an empty generation replace one with documents")
	f.BoolVar(&o.noSwap, "no-swap", false, "stop after verification; humpty swap goes on")
}

// rebuild does one, and shows how it goes.
func (a *app) rebuild(ctx context.Context, c *config.Config, p config.Projection, verb string, o rebuilding) error {
	out := a.err
	if a.flags.quiet {
		out = io.Discard
	}
	reporter := ui.New(ui.Options{
		Out: out, Interval: a.flags.interval,
		Bars: a.redraws() && !a.flags.quiet && !a.flags.json,
	})
	status := reporter.Status
	a.status.Store(&status)
	j, err := a.job(ctx, c, p, verb, o, func(why string) { reporter.Say("waiting", why) })
	if err != nil {
		return err
	}
	a.stays.Store(true)
	err = reporter.Run(ctx, func(ctx context.Context, show func(report.Event)) error {
		if a.flags.json {
			print, bars := a.eventPrinter(""), show
			show = func(e report.Event) { print(e); bars(e) }
		}
		return j.run(ctx, show)
	})
	err = errors.Join(err, j.end())
	if err == nil {
		a.done(p)
	}
	return err
}

// job is a rebuild that is ready to run.
type job struct {
	app     *app
	rebuild *projector.Rebuild
	live    *liveRun
	log     *runLog
	record  projector.Record
}

// job prepares a rebuild; waiting is told why a write waits.
func (a *app) job(ctx context.Context, c *config.Config, p config.Projection, verb string, o rebuilding, waiting func(string)) (*job, error) {
	r, err := assemble.Rebuild(ctx, c, p, verb, waiting)
	if err != nil {
		return nil, err
	}
	r.AllowEmpty, r.NoSwap, r.ServeEarly = o.allowEmpty, o.noSwap, o.early
	if o.early && p.Events != nil {
		return nil, &problem.Refusal{
			Why:    fmt.Sprintf("projection %s cannot be served early: a document of events is written when all of them were read", p.Name),
			Remedy: "leave --serve-early out",
		}
	}
	live, err := a.live(ctx, c, p, r, o)
	if err != nil {
		return nil, err
	}
	if r.Live == nil {
		assemble.WaitOut(r.Source, r.MaxOutage, waiting)
	}
	r.Letters = a.lettersOf(p.Name, r.Owner.Run)
	assemble.Letters(r.Source, r.Letters)
	log, err := live.logged(r.Owner.Run)
	if err != nil {
		return nil, errors.Join(err, live.store.Close())
	}
	return &job{app: a, rebuild: r, live: live, log: log}, nil
}

func (j *job) run(ctx context.Context, show func(report.Event)) (err error) {
	j.rebuild.Observe = func(e report.Event) { j.log.event(e); show(e) }
	j.record, err = j.rebuild.Run(ctx)
	return err
}

// end leaves what a later process needs, and nothing else.
func (j *job) end() error {
	j.log.over(j.record)
	if err := j.log.close(); err != nil {
		j.app.warn(err.Error())
	}
	j.app.result.Record = &j.record
	return j.live.end(j.record)
}

// done is told when a rebuild did what was asked.
func (a *app) done(p config.Projection) {
	a.summary(*a.result.Record)
	if p.Live && p.Writer == string(projector.WriterFollow) && a.result.Record.Status == projector.Completed {
		a.printf("  next       keep it up to date: %s\n", a.typed("humpty follow", p.Name))
	}
}

// summary is the end of a rebuild that did what was asked.
func (a *app) summary(r projector.Record) {
	l := r.Ledger
	head := fmt.Sprintf("alias %s serves %s", r.Alias, r.Generation)
	switch {
	case r.Status == projector.StatusVerified:
		head = fmt.Sprintf("%s is verified; the alias was not touched. Next: humpty swap %s --to %s", r.Generation, r.Projection, r.Generation)
	case r.Previous != "":
		head += fmt.Sprintf(" (before: %s, kept; humpty rollback %s goes back)", r.Previous, r.Projection)
	}
	a.printf("%s: %s\n", r.Projection, head)
	a.printf("  documents  %s written, %s superseded, %s deleted, %s rejected\n", ui.Count(l.Written), ui.Count(l.Superseded), ui.Count(l.Deleted), ui.Count(l.Rejected))
	if r.DeadLetters != "" {
		a.printf("  refused    with reason and body in %s; humpty dlq list %s\n", r.DeadLetters, r.Projection)
	}
	a.printf("  read       %s rows, %s\n", ui.Count(l.Inputs.Rows), ui.Bytes(l.Inputs.Bytes))
	a.printf("  sent       %s of documents, %s in all%s\n", ui.Bytes(l.Bytes), ui.Bytes(l.Sent), retried(l))
	if v := r.Verified; v != nil {
		a.printf("  verified   %s: %s documents, %s missing, %s stale, %s extra\n", v.Level, ui.Count(v.Documents), ui.Count(v.Missing), ui.Count(v.Stale), ui.Count(v.Extra))
	}
	for _, q := range r.Queries {
		a.printf("  %s\n", q)
	}
	a.times(r)
}

// times is how long a run took, in all of its processes.
func (a *app) times(r projector.Record) {
	attempts := r.Attempts
	if len(attempts) == 0 {
		attempts = []projector.Attempt{{Seconds: r.Seconds, Phases: r.Phases, Status: r.Status}}
	}
	var order []report.Phase
	took, all := map[report.Phase]float64{}, 0.0
	var processes []string
	for _, attempt := range attempts {
		for _, p := range attempt.Phases {
			if _, known := took[p.Phase]; !known {
				order = append(order, p.Phase)
			}
			took[p.Phase] += p.Seconds
		}
		all += attempt.Seconds
		processes = append(processes, fmt.Sprintf("%s after %s", attempt.Status, ui.Time(seconds(attempt.Seconds))))
	}
	var times []string
	for _, p := range order {
		times = append(times, fmt.Sprintf("%s %s", p, ui.Time(seconds(took[p]))))
	}
	rate := ""
	if load := took[report.PhaseLoad]; load > 0 {
		rate = fmt.Sprintf("; load %s documents/s", ui.Count(int64(float64(r.Ledger.Written)/load)))
	}
	a.printf("  time       %s (%s)%s\n", ui.Time(seconds(all)), strings.Join(times, ", "), rate)
	if len(processes) > 1 {
		a.printf("  processes  %s; %s documents were read and written again\n", strings.Join(processes, ", "), ui.Count(r.Redone))
	}
}

func retried(l ledger.Ledger) string {
	if l.Retries == 0 {
		return ""
	}
	return fmt.Sprintf(", %s sent again, %s of these because the target was full", ui.Count(l.Retries), ui.Count(l.Throttled))
}

func seconds(s float64) time.Duration { return time.Duration(s * float64(time.Second)) }
