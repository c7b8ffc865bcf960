package main

import (
	"context"
	"fmt"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"humpty/cmd/humpty/internal/console"
	"humpty/cmd/humpty/internal/topics"
	"humpty/internal/config"
	"humpty/internal/ui"
)

// run executes the arguments and returns the exit code.
func (a *app) run(ctx context.Context, args []string) int {
	return a.watcher.Run(ctx, func(ctx context.Context) int { return a.execute(ctx, args) })
}

func (a *app) execute(ctx context.Context, args []string) int {
	root := a.root()
	root.SetArgs(append([]string{}, args...)) // never nil: cobra would take the process's own
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil && !a.started {
		err = asUsage(err)
		a.JSON = a.JSON || slices.Contains(args, "--json") // it may stand behind what is wrong
	}
	if cmd != nil && cmd != root {
		a.result.Verb = strings.TrimPrefix(cmd.CommandPath(), root.Name()+" ") // dlq list
	}
	return a.finish(ctx, err)
}

// finish says how it ended, to the person and to the machine.
func (a *app) finish(ctx context.Context, err error) int {
	code := exitCode(ctx, err)
	if err != nil {
		a.result.Error = a.explainer().explain(ctx, err)
	}
	if a.JSON && (a.started || err != nil) {
		a.result.Schema, a.result.Type = 1, "result"
		a.result.Status, a.result.ExitCode = ending(code), code
		a.Line(a.result)
	}
	if failed := a.Out.Failed(); failed != nil && code == exitDone {
		a.Say("error", fmt.Sprintf("cannot write the result: %v", failed))
		return exitFailed
	}
	return code
}

// root is the command with all its verbs.
func (a *app) root() *cobra.Command {
	root := &cobra.Command{
		Use:   "humpty",
		Short: "Rebuild a read model from its systems of record, prove it, swap it in",
		Long: `humpty puts a read model back together: it rebuilds an Elasticsearch or OpenSearch
index from PostgreSQL tables into a fresh index, proves that it equals its sources, and
lets the alias serve it.

At 3 a.m., with the index gone:   humpty rebuild
Before the first time:            humpty check, then humpty plan`,
		Args:          cobra.ArbitraryArgs,
		SilenceErrors: true,
		SilenceUsage:  true,
		Version:       readVersion().text(),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 {
				return cmd.Help()
			}
			return unknownVerb(cmd, args[0])
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			return a.fromEnvironment(cmd)
		},
	}
	root.SetVersionTemplate("{{.Version}}")
	root.SetIn(a.In)
	root.SetOut(a.Out)
	root.SetErr(a.Err)
	root.SetFlagErrorFunc(flagError)
	f := root.PersistentFlags()
	f.StringVar(&a.File.Path, "config", console.DefaultConfig, "the configuration (HUMPTY_CONFIG)")
	f.StringVar(&a.letters, "dead-letters", "", "folder for what is refused; dead-letters in the state folder that is named, or else beside the configuration, by default (HUMPTY_DEAD_LETTERS)")
	f.StringVar(&a.state, "state", "", "folder for what live runs must not forget; state: of the configuration by default (HUMPTY_STATE)")
	f.BoolVar(&a.JSON, "json", false, "results as JSON lines on stdout, the last of type result (HUMPTY_JSON)")
	f.BoolVarP(&a.Quiet, "quiet", "q", false, "no progress and no warnings on stderr (HUMPTY_QUIET)")
	f.BoolVar(&a.Yes, "yes", false, "answer yes to every question (HUMPTY_YES)")
	f.BoolVar(&a.NoColor, "no-color", false, "no colour (HUMPTY_NO_COLOR, NO_COLOR)")
	f.DurationVar(&a.Interval, "progress-interval", ui.DefaultInterval, "between lines of progress off a terminal (HUMPTY_PROGRESS_INTERVAL)")
	root.AddCommand(a.verbs()...)
	root.AddCommand(topics.All(exitCodes)...)
	strictExtras(root)
	return root
}

// strictExtras makes errors of unknown words behind help and completion, for which
// cobra prints a page and succeeds.
func strictExtras(root *cobra.Command) {
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	for _, c := range root.Commands() {
		switch c.Name() {
		case "help":
			c.Run = nil
			c.RunE = func(_ *cobra.Command, args []string) error {
				about, _, err := root.Find(args)
				if err != nil || about == root && len(args) > 0 {
					return unknownVerb(root, args[0])
				}
				about.InitDefaultHelpFlag()
				return about.Help()
			}
		case "completion":
			c.Args = cobra.ArbitraryArgs
			c.RunE = func(c *cobra.Command, args []string) error {
				if len(args) == 0 {
					return c.Help()
				}
				return console.Usage(fmt.Sprintf("there is no completion for %q", args[0]), "one of: bash, zsh, fish, powershell")
			}
		}
	}
}

// verbs are the commands, in the order of the help.
func (a *app) verbs() []*cobra.Command {
	return []*cobra.Command{
		newRebuildCommand(a), newResumeCommand(a), newFollowCommand(a), newPlanCommand(a), newCheckCommand(a), newStatusCommand(a),
		newVerifyCommand(a), newRepairCommand(a), newDLQCommand(a),
		newSwapCommand(a), newRollbackCommand(a), newPruneCommand(a), newUnlockCommand(a), newSnapshotCommand(a), newRestoreCommand(a),
		newProjectCommand(a), newDemoCommand(a), newSchemaCommand(a), newVersionCommand(a),
	}
}

// fromEnvironment sets the flags that were not given from their HUMPTY_ variables. What
// decides over data (--to, --allow-empty, --replace-index, …) is never taken from there.
func (a *app) fromEnvironment(cmd *cobra.Command) error {
	a.origins = map[string]string{}
	var wrong error
	cmd.Flags().VisitAll(func(f *pflag.Flag) {
		name := "HUMPTY_" + strings.ToUpper(strings.ReplaceAll(f.Name, "-", "_"))
		if !strings.Contains(f.Usage, "("+name) {
			return
		}
		a.origins[f.Name] = "--" + f.Name
		value, ok := a.Env(name)
		if f.Changed || !ok || value == "" {
			return
		}
		a.origins[f.Name] = name
		if err := cmd.Flags().Set(f.Name, value); err != nil && wrong == nil {
			wrong = console.Usage(fmt.Sprintf("the environment variable %s cannot be used for --%s: %v", name, f.Name, err), "correct or unset "+name)
		}
	})
	a.File.Origin = a.origins["config"]
	a.Flags = a.flags(cmd)
	return wrong
}

// flags are those that a command which is printed needs, typed in whatever folder: what was typed here.
// What a variable says it says there too, and the file of the working folder is left as it is.
func (a *app) flags(cmd *cobra.Command) (words []string) {
	for _, name := range []string{"config", "state", "dead-letters"} {
		f := cmd.Flags().Lookup(name)
		if f == nil || !f.Changed || a.origins[name] != "--"+name || name == "config" && f.Value.String() == console.DefaultConfig {
			continue
		}
		path := f.Value.String()
		if whole, err := filepath.Abs(path); err == nil && path != "" {
			path = whole
		}
		words = append(words, "--"+name, path)
	}
	return words
}

func unknownVerb(root *cobra.Command, word string) error {
	var all []string
	for _, c := range root.Commands() {
		if c.IsAvailableCommand() || c.IsAdditionalHelpTopicCommand() {
			all = append(all, c.Name())
		}
	}
	remedy := "the verbs: " + strings.Join(all, ", ") + "; humpty help VERB says more"
	if near := config.Nearest(word, all); near != "" {
		remedy = "did you mean: humpty " + near
	}
	return console.Usage(fmt.Sprintf("there is no verb %q", word), remedy)
}

// flagError makes a usage error of a flag that cannot be read.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	name, unknown := strings.CutPrefix(text, "unknown flag: --")
	if !unknown {
		return console.Usage(text, "humpty help "+cmd.Name())
	}
	var all []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	remedy := "the flags: humpty help " + cmd.Name()
	if near := config.Nearest(name, all); near != "" {
		remedy = "did you mean --" + near + "?"
	}
	return console.Usage("unknown flag --"+name, remedy)
}

// asUsage makes a usage error of what cobra says before a verb runs.
func asUsage(err error) error {
	if _, ok := err.(*console.UsageError); ok { //nolint:errorlint // made here, never wrapped
		return err
	}
	return console.Usage(err.Error(), "humpty help")
}
