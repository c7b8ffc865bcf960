package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/report"
	"humpty/projector/verify"
)

// examined are the flags of verify and repair.
type examined struct {
	generation string
	diff       int
	ids        string
	settle     time.Duration
}

func (e *examined) flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.StringVar(&e.generation, "generation", "", "the generation to compare; what the alias serves by default")
	f.IntVar(&e.diff, "diff", 10, "differing documents to show field by field")
	f.StringVar(&e.ids, "ids", "", "write every differing document's id and kind to this file, as JSON lines")
	f.DurationVar(&e.settle, "settle", 5*time.Second, "on an index that others write to: how long a change may be on its way from the source")
}

func (a *app) verifyCommand() *cobra.Command {
	var e examined
	cmd := &cobra.Command{
		Use:   "verify [PROJECTION]",
		Short: "Compare an index with its sources, in both directions",
		Long: `verify reads the sources and the index once, in parallel, and compares every document. What
differs is named: missing (in the sources only), stale (not the same), extra (in the index
only). Order of keys, white space and the form of numbers do not matter; fields that
verify.ignore names may differ. Then mapping and settings are held against the definition,
and the queries of verify.queries are asked. Nothing is changed.

Levels (verify.level, --verify): full compares everything; sample compares 69,075 random
documents and the counts, so that with 99.9% probability fewer than 1 in 10,000 differ;
count compares the numbers of documents. A full comparison that exceeds verify.budget falls
back to a sample, and says so.

On an index that the alias serves, what differs at first is read again until it is settled:
a document counts as different only if it still is as it was at first, --settle later; what
changes at each reading is named as moving.

It ends with exit code 3 if anything differs. humpty repair fixes it.`,
		Example: `  humpty verify orders                       # what the alias serves
  humpty verify orders --generation orders-20261123t214100 --diff 3
  humpty verify orders --ids differing.ndjson --json`,
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		c, p, err := a.chosen(cmd, args)
		if err != nil {
			return err
		}
		return a.examine(cmd.Context(), c, p, "verify", e, func(ctx context.Context, x projector.Examine) (projector.Finding, error) {
			return x.Verify(ctx)
		})
	})
	e.flags(cmd)
	cmd.Flags().String("verify", "", "verify.level: count, sample or full (HUMPTY_VERIFY)")
	return cmd
}

// examine runs what verify, repair and restore have in common.
func (a *app) examine(ctx context.Context, c *config.Config, p config.Projection, verb string, e examined,
	run func(context.Context, projector.Examine) (projector.Finding, error),
) (err error) {
	list, err := newIDList(e.ids)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, list.close()) }()
	a.mend(ctx, c, p)
	return a.observed(ctx, func(ctx context.Context, tell func(report.Event), waiting func(string)) error {
		r, err := assemble.Rebuild(ctx, c, p, verb, waiting)
		if err != nil {
			return err
		}
		assemble.WaitOut(r.Source, r.MaxOutage, waiting)
		finding, err := run(ctx, projector.Examine{
			Projection: r.Projection, Source: r.Source, Target: r.Target, Owner: r.Owner,
			Generation: e.generation, Settle: e.settle, Show: e.diff, Each: list.add, Observe: tell,
		})
		a.result.Finding = &finding
		if finding.Generation != "" {
			a.found(finding, err)
		}
		return err
	})
}

// observed runs work with progress on stderr, and as lines with --json.
func (a *app) observed(ctx context.Context, work func(ctx context.Context, tell func(report.Event), waiting func(string)) error) error {
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
	return reporter.Run(ctx, func(ctx context.Context, show func(report.Event)) error {
		tell := show
		if a.flags.json {
			print := a.eventPrinter("")
			tell = func(e report.Event) { print(e); show(e) }
		}
		return work(ctx, tell, func(why string) { reporter.Say("waiting", why) })
	})
}

// found is what verify or repair has to say.
func (a *app) found(f projector.Finding, err error) {
	v := f.Verified
	if v.Level != "" {
		a.printf("%s: %s compared with its source: %s\n", f.Projection, f.Generation, v.Level)
		a.printf("  documents  %s in the source: %s missing, %s stale, %s extra%s\n", ui.Count(v.Documents),
			ui.Count(v.Missing), ui.Count(v.Stale), ui.Count(v.Extra), besides(v))
		if v.Rests != "" {
			a.printf("  rests on   %s\n", v.Rests)
		}
		if v.Proves != "" {
			a.printf("  sample     %s documents: %s\n", ui.Count(v.Sampled), v.Proves)
		}
		if len(v.MovingIDs) > 0 {
			a.printf("  moving     %s\n", strings.Join(v.MovingIDs, ", "))
		}
	}
	for _, q := range f.Queries {
		a.printf("  %s\n", q)
	}
	var differs *projector.Differs
	if f.Repair != nil || !errors.As(err, &differs) { // which says them
		for _, d := range v.First {
			a.printf("  %s\n", indent3(d.String()))
		}
	}
	if f.Delta != nil {
		a.replayed(f.Delta)
	}
	if r := f.Repair; r != nil {
		a.repaired(f, r)
	}
	a.printf("  time       %s\n", ui.Time(seconds(f.Seconds)))
}

func besides(v verify.Report) string {
	text := ""
	for _, more := range []struct {
		n    int64
		what string
	}{{v.Rejected, "rejected"}, {v.Moved, "on their way"}, {v.Moving, "changed at each reading"}} {
		if more.n > 0 {
			text += fmt.Sprintf(", %s %s", ui.Count(more.n), more.what)
		}
	}
	return text
}

// idList writes every difference to a file, if there is one.
type idList struct {
	file *os.File
	out  *bufio.Writer
}

func newIDList(name string) (*idList, error) {
	if name == "" {
		return &idList{}, nil
	}
	file, err := os.Create(name)
	if err != nil {
		return nil, &usageError{fmt.Sprintf("--ids %s: %v", name, err), "name a file that can be written"}
	}
	return &idList{file: file, out: bufio.NewWriter(file)}, nil
}

func (l *idList) add(d verify.Difference) error {
	if l.out == nil {
		return nil
	}
	line, err := json.Marshal(d)
	if err == nil {
		_, err = l.out.Write(append(line, '\n'))
	}
	return err
}

func (l *idList) close() error {
	if l.file == nil {
		return nil
	}
	return errors.Join(l.out.Flush(), l.file.Close())
}
