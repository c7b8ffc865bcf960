package main

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/dlq"
	"humpty/cmd/humpty/internal/runs"
	"humpty/cmd/humpty/internal/signals"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/ui"
	"humpty/projector/report"
)

// app is what every verb shares: how it talks, what it is about, and what it answers.
type app struct {
	*console.Console

	watcher signals.Watcher
	exit    func(int) // ends the process at once

	state   string            // folder for what live runs must not forget
	letters string            // folder for dead letters
	origins map[string]string // flags that the environment set, and the variable

	started bool   // a verb runs: what goes wrong from now on is no usage error
	result  result // the last line of --json
}

func newApp(c *console.Console, received <-chan os.Signal, exit func(int)) *app {
	c.Guard()
	return &app{
		Console: c, exit: exit,
		watcher: signals.Watcher{Signals: received, Err: c.Err, End: func(s os.Signal) { exit(signalCode(s)) }},
	}
}

// begin marks the end of the command line's checks.
func (a *app) begin(run func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.started = true
		if len(args) > 0 {
			a.result.projection = args[0]
		}
		return run(cmd, args)
	}
}

// atMostOneProjection is the argument of most verbs: a projection, or nothing.
func atMostOneProjection(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return console.Usage(fmt.Sprintf("%s takes one projection, not %d", cmd.Name(), len(args)), "humpty help "+cmd.Name())
	}
	return nil
}

// completeProjection offers the projections of the configuration to the shell.
func (a *app) completeProjection(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.fromEnvironment(cmd) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return config.ProjectionNames(a.File.Path), cobra.ShellCompDirectiveNoFileComp
}

// limitFlags adds the flags that stand above values of the file.
func limitFlags(cmd *cobra.Command) {
	f := cmd.Flags()
	f.String("rejections", "", "limits.rejections: documents that may be refused (HUMPTY_REJECTIONS)")
	f.String("poison", "", "limits.poison: events that may be unreadable (HUMPTY_POISON)")
	f.String("inflight", "", "limits.inflight: bytes between source and target, like 256MB (HUMPTY_INFLIGHT)")
	f.String("writers", "", "limits.writers: bulk requests at once (HUMPTY_WRITERS)")
	f.String("batch", "", "limits.batch: bytes of a bulk request, like 4MB (HUMPTY_BATCH)")
	f.String("max-bulk-mb-s", "", "limits.max_bulk_mb_s: most megabytes a second that a load sends (HUMPTY_MAX_BULK_MB_S)")
	f.String("max-outage", "", "limits.max_outage: how long a server that went away is waited for, like 15m (HUMPTY_MAX_OUTAGE)")
	shrinkFlag(cmd)
	f.String("verify", "", "verify.level: count, sample or full (HUMPTY_VERIFY)")
}

// shrinkFlag adds the limit that every verb obeys that swaps.
func shrinkFlag(cmd *cobra.Command) {
	cmd.Flags().String("max-shrink", "", "limits.shrink: most documents that a swap may lose, like 20% (HUMPTY_MAX_SHRINK)")
}

// limits are the values of the file that a flag may stand above.
var limits = [...]struct{ flag, path string }{
	{"rejections", "limits.rejections"},
	{"poison", "limits.poison"},
	{"inflight", "limits.inflight"},
	{"writers", "limits.writers"},
	{"batch", "limits.batch"},
	{"max-bulk-mb-s", "limits.max_bulk_mb_s"},
	{"max-outage", "limits.max_outage"},
	{"max-shrink", "limits.shrink"},
	{"verify", "verify.level"},
}

// load reads the configuration, with what flags and variables put above it.
func (a *app) load(cmd *cobra.Command) (*config.Config, error) {
	opts := config.Options{Env: a.Env}
	for _, l := range limits {
		if f := cmd.Flags().Lookup(l.flag); f != nil && f.Changed {
			opts.Overrides = append(opts.Overrides, config.Override{Path: l.path, Value: f.Value.String(), Origin: a.origins[l.flag]})
		}
	}
	opts.Secret = a.Secrets.Add
	c, err := config.Load(a.File.Path, opts)
	if err != nil {
		return nil, err
	}
	if dir := cmp.Or(a.state, c.State); a.letters == "" && dir != "" {
		a.letters = filepath.Join(dir, "dead-letters")
	}
	for _, w := range c.Warnings {
		a.WarnProblem("", w)
	}
	return c, nil
}

// projection reads the configuration and finds the projection that the arguments name, or
// the only one there is.
func (a *app) projection(cmd *cobra.Command, args []string) (*config.Config, config.Projection, error) {
	c, err := a.load(cmd)
	if err != nil {
		return nil, config.Projection{}, err
	}
	name := ""
	if len(args) > 0 {
		name = args[0]
	}
	p, err := c.Projection(name)
	if err == nil {
		a.result.projection = p.Name
	}
	return c, p, err
}

// projections returns the projection that the arguments name, or all.
func (a *app) projections(cmd *cobra.Command, args []string) (*config.Config, []config.Projection, error) {
	if len(args) == 0 {
		c, err := a.load(cmd)
		if err != nil {
			return nil, nil, err
		}
		if len(c.Projections) == 1 {
			a.result.projection = c.Projections[0].Name
		}
		return c, c.Projections, nil
	}
	c, p, err := a.projection(cmd, args)
	return c, []config.Projection{p}, err
}

// stateFolder is the folder of what live runs must not forget.
func (a *app) stateFolder(c *config.Config) (assemble.State, error) {
	state, err := assemble.StateOf(c, a.state, a.Env)
	state.Fatal = func(err error) {
		a.Say("error", err.Error())
		a.Say("next", "free space there, then go on: humpty resume; or start over: humpty rebuild --new")
		a.exit(exitFailed)
	}
	return state, err
}

// leftovers are what earlier processes left of the runs of a configuration.
func (a *app) leftovers(c *config.Config) *runs.Leftovers {
	state, err := a.stateFolder(c)
	return runs.NewLeftovers(a.Console, c, state, err)
}

// deadLetters is where the dead letters of all projections are.
func (a *app) deadLetters() dlq.Folder {
	dir := a.letters
	if dir == "" {
		dir = filepath.Join(filepath.Dir(a.File.Path), "dead-letters")
	}
	return dlq.Folder{Console: a.Console, Dir: dir}
}

// observed runs work with progress on stderr, and as lines with --json.
func (a *app) observed(ctx context.Context, work func(ctx context.Context, tell func(report.Event), waiting func(string)) error) error {
	reporter := ui.NewReporter(a.Progress())
	a.watcher.ShowStatus(reporter.Status)
	return reporter.Run(ctx, func(ctx context.Context, show func(report.Event)) error {
		return work(ctx, a.Observer("", show), func(why string) { reporter.Say("waiting", why) })
	})
}
