package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"
	"humpty/internal/config"
	"humpty/internal/ui"
)

// flags are the global ones.
type flags struct {
	config   string
	letters  string
	state    string
	json     bool
	quiet    bool
	yes      bool
	noColor  bool
	interval time.Duration
}

const defaultConfig = "humpty.yaml"

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
	root.SetIn(a.in)
	root.SetOut(a.out)
	root.SetErr(a.err)
	root.SetFlagErrorFunc(flagError)
	f := root.PersistentFlags()
	f.StringVar(&a.flags.config, "config", defaultConfig, "the configuration (HUMPTY_CONFIG)")
	f.StringVar(&a.flags.letters, "dead-letters", "", "folder for what is refused; dead-letters in the state folder that is named, or else beside the configuration, by default (HUMPTY_DEAD_LETTERS)")
	f.StringVar(&a.flags.state, "state", "", "folder for what live runs must not forget; state: of the configuration by default (HUMPTY_STATE)")
	f.BoolVar(&a.flags.json, "json", false, "results as JSON lines on stdout, the last of type result (HUMPTY_JSON)")
	f.BoolVarP(&a.flags.quiet, "quiet", "q", false, "no progress and no warnings on stderr (HUMPTY_QUIET)")
	f.BoolVar(&a.flags.yes, "yes", false, "answer yes to every question (HUMPTY_YES)")
	f.BoolVar(&a.flags.noColor, "no-color", false, "no colour (HUMPTY_NO_COLOR, NO_COLOR)")
	f.DurationVar(&a.flags.interval, "progress-interval", ui.DefaultInterval, "between lines of progress off a terminal (HUMPTY_PROGRESS_INTERVAL)")
	root.AddCommand(a.verbs()...)
	root.AddCommand(topics()...)
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
				return &usageError{fmt.Sprintf("there is no completion for %q", args[0]), "one of: bash, zsh, fish, powershell"}
			}
		}
	}
}

// verbs are the commands, in the order of the help.
func (a *app) verbs() []*cobra.Command {
	return []*cobra.Command{
		a.rebuildCommand(), a.resumeCommand(), a.followCommand(), a.planCommand(), a.checkCommand(), a.statusCommand(),
		a.verifyCommand(), a.repairCommand(), a.dlqCommand(),
		a.swapCommand(), a.rollbackCommand(), a.pruneCommand(), a.snapshotCommand(), a.restoreCommand(),
		a.projectCommand(), a.demoCommand(), a.schemaCommand(), a.versionCommand(),
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
		value, ok := a.env(name)
		if f.Changed || !ok || value == "" {
			return
		}
		a.origins[f.Name] = name
		if err := cmd.Flags().Set(f.Name, value); err != nil && wrong == nil {
			wrong = &usageError{fmt.Sprintf("the environment variable %s cannot be used for --%s: %v", name, f.Name, err), "correct or unset " + name}
		}
	})
	return wrong
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
	return &usageError{fmt.Sprintf("there is no verb %q", word), remedy}
}

// flagError makes a usage error of a flag that cannot be read.
func flagError(cmd *cobra.Command, err error) error {
	text := err.Error()
	name, unknown := strings.CutPrefix(text, "unknown flag: --")
	if !unknown {
		return &usageError{text, "humpty help " + cmd.Name()}
	}
	var all []string
	cmd.Flags().VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	remedy := "the flags: humpty help " + cmd.Name()
	if near := config.Nearest(name, all); near != "" {
		remedy = "did you mean --" + near + "?"
	}
	return &usageError{"unknown flag --" + name, remedy}
}

// asUsage makes a usage error of what cobra says before a verb runs.
func asUsage(err error) error {
	if _, ok := err.(*usageError); ok { //nolint:errorlint // made here, never wrapped
		return err
	}
	return &usageError{err.Error(), "humpty help"}
}

// begin marks the end of the command line's checks.
func (a *app) begin(run func(cmd *cobra.Command, args []string) error) func(*cobra.Command, []string) error {
	return func(cmd *cobra.Command, args []string) error {
		a.began = true
		if len(args) > 0 {
			a.result.projection = args[0]
		}
		return run(cmd, args)
	}
}

// oneProjection is the argument of most verbs: a projection, or nothing.
func oneProjection(cmd *cobra.Command, args []string) error {
	if len(args) > 1 {
		return &usageError{fmt.Sprintf("%s takes one projection, not %d", cmd.Name(), len(args)), "humpty help " + cmd.Name()}
	}
	return nil
}

// completeProjection offers the projections of the configuration to the shell.
func (a *app) completeProjection(cmd *cobra.Command, args []string, _ string) ([]string, cobra.ShellCompDirective) {
	if len(args) > 0 || a.fromEnvironment(cmd) != nil {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	return config.ProjectionNames(a.flags.config), cobra.ShellCompDirectiveNoFileComp
}
