package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

// bench is one invocation.
type bench struct {
	in   io.Reader
	out  io.Writer // results
	err  io.Writer // progress
	self string    // this program, to run the engine alone

	json    bool
	servers serverFlags
	data    dataFlags
	results string // folder
	began   time.Time
}

// Exit codes.
const (
	exitFailed    = 1
	exitRegressed = 3
	exitUsage     = 64
)

// regression is the error of compare.
type regression struct{ figures int }

func (r *regression) Error() string {
	return fmt.Sprintf("%d figures became worse by more than the bound, beyond noise", r.figures)
}

func (b *bench) run(ctx context.Context, args []string) int {
	b.began = time.Now()
	started := false
	root := b.root()
	root.PersistentPreRun = func(*cobra.Command, []string) { started = true }
	root.SetArgs(args)
	err := root.ExecuteContext(ctx)
	var worse *regression
	switch {
	case err == nil:
		return 0
	case ctx.Err() != nil:
		err = errors.New("interrupted; servers that bench started are stopped")
	}
	fmt.Fprintf(b.err, "error: %v\n", err)
	switch {
	case errors.As(err, &worse):
		return exitRegressed
	case !started:
		return exitUsage
	}
	return exitFailed
}

func (b *bench) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "bench",
		Short: "Measure humpty beside the limits of the machine",
		Long: `Measure humpty beside what no engine can beat on this machine, and keep the results.

  go run ./bench run --quick        the whole of it in minutes; the last line is the headline as JSON
  go run ./bench report             the table for the README and a picture, from the kept results
  go run ./bench compare A B        what changed between two commits, beyond noise

Servers that no flag names are started (PostgreSQL that waits for its disk, Elasticsearch
with 2 GB of heap) and stopped at the end. The data is a shop's orders, in a database of
the bench's own, humpty_bench; it is made anew unless it is there as asked for.
Results go to stdout, progress to stderr.

Exit codes: 0 done, 1 failed, 3 compare found a regression, 64 wrong usage
(go run itself answers 1 for all of them: build the program where that matters).`,
		SilenceUsage:  true,
		SilenceErrors: true,
	}
	root.SetOut(b.err)
	root.SetErr(b.err)
	root.CompletionOptions.DisableDefaultCmd = true
	flags := root.PersistentFlags()
	flags.BoolVar(&b.json, "json", false, "results as JSON lines")
	flags.StringVar(&b.results, "results", defaultResults, "folder of kept results")
	root.AddCommand(
		(&seedVerb{bench: b}).command(), (&limitVerb{bench: b}).command(), (&rebuildVerb{bench: b}).command(), (&naiveVerb{bench: b}).command(),
		(&scaleVerb{bench: b}).command(), (&repairVerb{bench: b}).command(), (&runVerb{bench: b}).command(), (&liveVerb{bench: b}).command(),
		(&chaosVerb{bench: b}).command(), (&reportVerb{bench: b}).command(), (&compareVerb{bench: b}).command(), (&engineVerb{bench: b}).command(),
	)
	return root
}

const defaultResults = "bench/results"

// say tells progress.
func (b *bench) say(format string, args ...any) {
	fmt.Fprintf(b.err, "%6.1f s  %s\n", time.Since(b.began).Seconds(), fmt.Sprintf(format, args...))
}

// measure prepares a lab, does the work, and prints what was measured.
func (b *bench) measure(ctx context.Context, mode string, products []string, work func(*lab) error) (err error) {
	l, err := newLab(ctx, b, mode, products...)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, l.close(ctx)) }()
	if err := work(l); err != nil {
		return err
	}
	return b.print(l.rec.all)
}
