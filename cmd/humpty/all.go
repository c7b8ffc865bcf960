package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"

	"github.com/spf13/cobra"
	"golang.org/x/sync/errgroup"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/report"
)

// outcome is how the rebuild of one of all projections ended.
type outcome struct {
	Projection string            `json:"projection"`
	Status     report.Status     `json:"status"`
	ExitCode   int               `json:"exit_code"` // that it would have had alone
	Error      *failure          `json:"error,omitempty"`
	Record     *projector.Record `json:"record,omitempty"` // none if it did not begin
}

// someFailed is the error of a rebuild of all, of which some did what was asked.
type someFailed struct {
	of     int
	names  []string
	errors []error
}

func (s *someFailed) Error() string {
	return fmt.Sprintf("%d of %d projections were not rebuilt: %s", len(s.names), s.of, strings.Join(s.names, ", "))
}

// Unwrap gives what went wrong with each, for the exit code.
func (s *someFailed) Unwrap() []error { return s.errors }

// errNotBegun is for those whose turn did not come.
var errNotBegun = errors.New("not begun: the command was stopped before")

// rebuildAll rebuilds every projection of the file. Those that read from one source take
// turns in the order; so each has all of the source's connections, and the first are done
// before the last begin.
func (a *app) rebuildAll(cmd *cobra.Command, verb string, o rebuilding) error {
	ctx := cmd.Context()
	c, err := a.load(cmd)
	if err != nil {
		return err
	}
	order := c.InOrder()
	if verb == "resume" {
		order, err = a.remaining(ctx, c, order)
	} else {
		o, err = a.goesOnAll(ctx, c, order, o)
	}
	if err != nil {
		return err
	}
	shareMemory(order)
	day := a.begins(c, order)
	out := a.err
	if a.flags.quiet {
		out = io.Discard
	}
	table := ui.NewTable(ui.Options{
		Out: out, Interval: a.flags.interval, Bars: a.redraws() && !a.flags.quiet && !a.flags.json,
	}, a.estimates(ctx, c, order))
	status := table.Status
	a.status.Store(&status)
	a.stays.Store(true)
	apps, errs := make([]*app, len(order)), make([]error, len(order))
	table.Run(func() {
		var group errgroup.Group
		over := make([]chan struct{}, len(order))
		for i, p := range order {
			over[i] = make(chan struct{})
			apps[i] = a.beside(verb, p.Name, table)
			group.Go(func() error {
				defer close(over[i])
				for _, before := range turnsBefore(order, i) {
					<-over[before]
				}
				errs[i] = apps[i].oneOfAll(ctx, c, p, verb, o, table, i)
				day.ended(p.Name, errs[i])
				return nil // the others go on
			})
		}
		_ = group.Wait() // gives no error
	})
	return a.outcomes(ctx, order, apps, errs)
}

// turnsBefore are those that read from a source of the i-th and come before it.
func turnsBefore(order []config.Projection, i int) (before []int) {
	for j, p := range order[:i] {
		if slices.ContainsFunc(p.Reads(), func(source string) bool { return slices.Contains(order[i].Reads(), source) }) {
			before = append(before, j)
		}
	}
	return before
}

// shareMemory lets all that may run at once have no more bytes in flight than the one with
// the largest limit alone.
func shareMemory(order []config.Projection) {
	var reads []string
	var most int64
	for _, p := range order {
		reads = append(reads, p.Reads()...)
		most = max(most, p.Limits.InFlight)
	}
	slices.Sort(reads)
	atOnce := int64(min(len(order), max(1, len(slices.Compact(reads)))))
	for i := range order {
		l := &order[i].Limits
		l.InFlight = max(l.Batch, min(l.InFlight, most/atOnce))
	}
}

// estimates are about how many documents each will have, 0 where that cannot be said now.
func (a *app) estimates(ctx context.Context, c *config.Config, order []config.Projection) []ui.Row {
	rows := make([]ui.Row, len(order))
	for i, p := range order {
		rows[i].Name, rows[i].After = p.Name, turnsBefore(order, i)
		if m, err := assemble.Manage(ctx, c, p, "status"); err == nil {
			if survey, _, err := m.Status(ctx); err == nil {
				rows[i].Before = report.PaceBefore(survey)
			}
		}
		source, err := assemble.Source(c, p)
		if err != nil {
			continue // its run says so
		}
		if plan, err := source.Plan(ctx); err == nil {
			rows[i].Documents = plan.Rows
		}
	}
	return rows
}

// beside is an app for one of several runs: what it says on stderr goes through the table.
func (a *app) beside(verb, projection string, table *ui.Table) *app {
	b := &app{
		in: a.in, out: a.out, err: table, outTerminal: a.outTerminal, errTerminal: a.errTerminal,
		env: a.env, exit: a.exit, flags: a.flags, origins: a.origins, began: true,
		result: result{Verb: verb, projection: projection},
	}
	return b
}

// oneOfAll does the i-th rebuild.
func (a *app) oneOfAll(ctx context.Context, c *config.Config, p config.Projection, verb string, o rebuilding, table *ui.Table, i int) error {
	if ctx.Err() != nil {
		return errNotBegun
	}
	table.Begin(i)
	show := func(e report.Event) { table.Observe(i, e) }
	if a.flags.json {
		print := a.eventPrinter(p.Name)
		show = func(e report.Event) { print(e); table.Observe(i, e) }
	}
	j, err := a.jobOfAll(ctx, c, p, verb, o, func(why string) { table.Say(i, "waiting: "+why) })
	if err == nil {
		err = errors.Join(j.run(ctx, show), j.end())
	}
	status := report.Completed
	if err != nil {
		status = report.Status(ending(exitCode(ctx, err)))
	} else if j.record.Status == report.Verified {
		status = report.Verified
	}
	table.End(i, string(status))
	return err
}

// outcomes says what became of each, and returns the error of those that failed.
func (a *app) outcomes(ctx context.Context, order []config.Projection, apps []*app, errs []error) error {
	failed := &someFailed{of: len(order)}
	for i, p := range order {
		one, err := apps[i], errs[i]
		one.err = a.err
		o := outcome{Projection: p.Name, Status: report.Completed, ExitCode: exitCode(ctx, err), Record: one.result.Record}
		if o.Record != nil {
			o.Status = o.Record.Status
		}
		switch {
		case err == nil:
			one.done(p)
		case errors.Is(err, errNotBegun):
			o.Status, o.ExitCode = report.Interrupted, exitCode(ctx, context.Cause(ctx))
			o.Error = &failure{Message: err.Error(), Next: []string{a.typed("humpty rebuild", p.Name)}}
		default:
			fmt.Fprintf(a.err, "%s\n", p.Name)
			o.Error = one.explain(ctx, err)
			if o.Record == nil {
				o.Status = report.Status(ending(o.ExitCode))
			}
		}
		if err != nil {
			failed.names, failed.errors = append(failed.names, p.Name), append(failed.errors, err)
		}
		a.result.Outcomes = append(a.result.Outcomes, o)
	}
	a.tabulate()
	if len(failed.names) == 0 {
		return nil
	}
	return failed
}

// tabulate is the outcomes for a person.
func (a *app) tabulate() {
	if a.flags.json {
		return
	}
	w := tabwriter.NewWriter(a.out, 0, 0, 2, ' ', 0)
	fmt.Fprintln(w, "PROJECTION\tENDED\tTIME\tDOCUMENTS\tNEXT")
	for _, o := range a.result.Outcomes {
		took, documents, next := "-", "-", ""
		if r := o.Record; r != nil {
			took, documents = ui.Time(seconds(r.Seconds)), ui.Count(r.Ledger.Written)
		}
		if o.Error != nil && len(o.Error.Next) > 0 {
			next = o.Error.Next[0]
		}
		fmt.Fprintf(w, "%s\t%s\t%s\t%s\t%s\n", o.Projection, o.Status, took, documents, cmp.Or(next, "-"))
	}
	_ = w.Flush() // the sink remembers
}
