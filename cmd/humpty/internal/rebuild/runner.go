// Package rebuild runs rebuilds for the command line: one, or those of all projections, in
// turns where they read from one source; and decides what becomes of runs that were stopped.
package rebuild

import (
	"context"
	"errors"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/dlq"
	"humpty/cmd/humpty/internal/runs"
	"humpty/cmd/humpty/internal/signals"
	"humpty/internal/config"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/report"
)

// Options are how a rebuild is meant.
type Options struct {
	AllowEmpty, NoSwap bool
	New, Unindexed     bool   // live
	ServeEarly         bool   // serve what is there
	Resume             bool   // what was stopped, if anything was
	Run                string // the run to resume

	Adopt *projector.Adopt // live: make a generation right that is there; nil: fill a new one
}

// Flags adds those that rebuild and resume share.
func (o *Options) Flags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.BoolVar(&o.AllowEmpty, "allow-empty", false, "let an empty generation replace one with documents")
	f.BoolVar(&o.NoSwap, "no-swap", false, "stop after verification; humpty swap goes on")
}

// Runner runs the rebuilds of one invocation.
type Runner struct {
	*console.Console

	Config    *config.Config
	Leftovers *runs.Leftovers
	Letters   dlq.Folder
	Watcher   *signals.Watcher

	Verb   string                                     // rebuild | resume | follow | swap | rollback | restore
	Ending func(context.Context, error) report.Status // how one ended that failed
}

// One does one, and shows how it goes. There is no record if it did not begin.
func (r *Runner) One(ctx context.Context, p config.Projection, o Options) (*projector.Record, error) {
	reporter := ui.NewReporter(r.Progress())
	r.Watcher.ShowStatus(reporter.Status)
	j, err := newJob(ctx, r, p, r.Verb, o, func(why string) { reporter.Say("waiting", why) })
	if err != nil {
		return nil, err
	}
	r.Watcher.Detach()
	err = reporter.Run(ctx, func(ctx context.Context, show func(report.Event)) error {
		return j.run(ctx, r.Observer("", show))
	})
	err = errors.Join(err, j.end())
	j.tidy(ctx)
	return &j.record, err
}
