package rebuild

import (
	"context"
	"errors"
	"slices"

	"golang.org/x/sync/errgroup"

	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/report"
)

// Outcome is how the rebuild of one of all projections ended.
type Outcome struct {
	Projection config.Projection
	Record     *projector.Record // nil: it did not begin
	Err        error
}

// ErrNotStarted is for those whose turn did not come.
var ErrNotStarted = errors.New("not begun: the command was stopped before")

// All rebuilds every projection of the file, or resumes what is left of that. Those that read
// from one source take turns in the order; so each has all of the source's connections, and
// the first are done before the last begin.
func (r *Runner) All(ctx context.Context, o Options) ([]Outcome, error) {
	order := r.Config.ByPriority()
	var err error
	if r.Verb == "resume" {
		order, err = r.Leftovers.Remaining(ctx, order)
	} else {
		o, err = r.decideAll(ctx, order, o)
	}
	if err != nil {
		return nil, err
	}
	shareMemory(order)
	pending := runs.NewPending(r.Leftovers, order)
	b := &batch{runner: r, options: o, table: ui.NewTable(r.Progress(), r.estimates(ctx, order))}
	r.Watcher.ShowStatus(b.table.Status)
	r.Watcher.Detach()
	outcomes := make([]Outcome, len(order))
	b.table.Run(func() {
		var group errgroup.Group
		ended := make([]chan struct{}, len(order))
		for i, p := range order {
			ended[i] = make(chan struct{})
			group.Go(func() error {
				defer close(ended[i])
				for _, before := range turnsBefore(order, i) {
					<-ended[before]
				}
				record, err := b.one(ctx, p, i)
				outcomes[i] = Outcome{p, record, err}
				pending.End(p.Name, err)
				return nil // the others continue
			})
		}
		_ = group.Wait() // gives no error
	})
	return outcomes, nil
}

// turnsBefore are those that read from a source of the i-th and come before it.
func turnsBefore(order []config.Projection, i int) (before []int) {
	for j, p := range order[:i] {
		if slices.ContainsFunc(p.SourceNames(), func(source string) bool { return slices.Contains(order[i].SourceNames(), source) }) {
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
		reads = append(reads, p.SourceNames()...)
		most = max(most, p.Limits.InFlight)
	}
	slices.Sort(reads)
	atOnce := int64(min(len(order), max(1, len(slices.Compact(reads)))))
	for i := range order {
		l := &order[i].Limits
		l.InFlight = min(l.InFlight, most/atOnce)
	}
}

// estimates are about how many documents each will have, 0 where that cannot be said now.
func (r *Runner) estimates(ctx context.Context, order []config.Projection) []ui.Row {
	rows := make([]ui.Row, len(order))
	for i, p := range order {
		rows[i].Name, rows[i].After = p.Name, turnsBefore(order, i)
		if m, err := assemble.Admin(ctx, r.Config, p, "status"); err == nil {
			if survey, _, err := m.Status(ctx); err == nil {
				rows[i].EarlierPace = report.PaceBefore(survey)
			}
		}
		source, err := assemble.Source(r.Config, p)
		if err != nil {
			continue // its run says so
		}
		if plan, err := source.Plan(ctx); err == nil {
			rows[i].Documents = plan.Rows
		}
	}
	return rows
}

// batch is a rebuild of all that is under way, in a table with a row for each.
type batch struct {
	runner  *Runner
	options Options
	table   *ui.Table
}

// one does the i-th rebuild.
func (b *batch) one(ctx context.Context, p config.Projection, i int) (*projector.Record, error) {
	if ctx.Err() != nil {
		return nil, ErrNotStarted
	}
	b.table.Begin(i)
	show := b.runner.Observer(p.Name, func(e report.Event) { b.table.Observe(i, e) })
	j, err := b.prepare(ctx, p, func(why string) { b.table.Say(i, "waiting: "+why) })
	var record *projector.Record
	if err == nil {
		err = errors.Join(j.run(ctx, show), j.end())
		j.tidy(ctx)
		record = &j.record
	}
	status := report.Completed
	if err != nil {
		status = b.runner.Ending(ctx, err)
	} else if record.Status == report.Verified {
		status = report.Verified
	}
	b.table.End(i, string(status))
	return record, err
}

// prepare prepares one of several: it resumes what was stopped, if that is meant. What is said
// on stderr goes through the table.
func (b *batch) prepare(ctx context.Context, p config.Projection, waiting func(string)) (*job, error) {
	r, o := *b.runner, b.options
	r.Console = r.With(b.table)
	r.Leftovers = r.Leftovers.With(r.Console)
	if err := r.Leftovers.WarnPartial(ctx, p); err != nil {
		return nil, err
	}
	if o.Resume && p.Live {
		found, err := r.Leftovers.Stopped(ctx, p)
		if err != nil {
			return nil, err
		}
		switch len(found) {
		case 0:
		case 1:
			o.Run = found[0].Run
		default:
			return nil, runs.ErrSeveral(found)
		}
	}
	verb := r.Verb
	if verb == "resume" && o.Run == "" {
		verb = "rebuild"
	}
	return newJob(ctx, &r, p, verb, o, waiting)
}
