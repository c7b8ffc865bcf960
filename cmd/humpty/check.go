package main

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/internal/ui"
	"humpty/sinks"
)

// checked is what `check` found for one projection.
type checked struct {
	Projection string       `json:"projection"`
	Source     string       `json:"source"`
	Target     string       `json:"target"`
	Rows       int64        `json:"rows"`   // estimate
	Chunks     int          `json:"chunks"` // to read
	Product    string       `json:"product,omitempty"`
	Version    string       `json:"version,omitempty"`
	Cluster    string       `json:"cluster,omitempty"`
	Problems   []string     `json:"problems,omitempty"`
	Warnings   problem.List `json:"warnings,omitempty"`
}

func (a *app) checkCommand() *cobra.Command {
	var effective bool
	cmd := &cobra.Command{
		Use:   "check [PROJECTION]",
		Short: "Check the configuration, the connections, the definition and the target, all at once",
		Long: `check reads the configuration strictly, connects to each source and target, holds each
definition against the database's catalog (unknown columns, keys that are not unique,
includes without an index), and looks at the target (the pinned cluster, rights, what is in
the way). With consistency: live it looks at all that a capture needs (wal_level, free slots
and senders, rights, replica identities, open transactions), and at slots and publications
that dead runs have left. It changes nothing and reports everything at once.

--show-effective prints every value in force and where it comes from, without secrets.`,
		Example: `  humpty check
  humpty check orders --json
  humpty check --show-effective`,
		Args:              oneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(func(cmd *cobra.Command, args []string) error {
		c, projections, err := a.some(cmd, args)
		if err != nil {
			return err
		}
		if effective {
			return a.showEffective(c)
		}
		var all []error
		for _, p := range projections {
			all = append(all, a.check(cmd.Context(), c, p))
		}
		return a.joined(all)
	})
	cmd.Flags().BoolVar(&effective, "show-effective", false, "print every value in force and its origin")
	limitFlags(cmd)
	return cmd
}

// check looks at the source and the target of one projection, also at the second when
// the first is wrong.
func (a *app) check(ctx context.Context, c *config.Config, p config.Projection) error {
	done := checked{Projection: p.Name, Source: p.Source, Target: p.Target}
	a.mend(ctx, c, p)
	sourceErr := checkSource(ctx, c, p, &done)
	targetErr := checkTarget(ctx, c, p, &done)
	if sourceErr == nil && targetErr == nil {
		sourceErr = a.checkCaptures(ctx, c, p, &done)
	}
	for _, err := range []error{sourceErr, targetErr} {
		if err != nil {
			done.Problems = append(done.Problems, err.Error())
		}
	}
	for _, w := range done.Warnings {
		a.caution(p.Name+": ", w)
	}
	if sourceErr == nil {
		a.printf("%s: source %s is fine: about %s rows in %s\n", p.Name, p.Source, ui.Count(done.Rows), chunks(done.Chunks))
	}
	if targetErr == nil {
		a.printf("%s: target %s is fine: %s\n", p.Name, p.Target, strings.TrimSpace(strings.Join([]string{done.Product, done.Version, done.Cluster}, " ")))
	}
	a.result.Checks = append(a.result.Checks, done)
	return a.joined([]error{sourceErr, targetErr})
}

func checkSource(ctx context.Context, c *config.Config, p config.Projection, done *checked) error {
	source, err := assemble.Source(c, p)
	if err != nil {
		return err
	}
	plan, err := source.Plan(ctx)
	if err != nil {
		return err
	}
	live, err := preflight(ctx, c, p)
	if err != nil {
		return err
	}
	done.Warnings = append(done.Warnings, live.Warnings()...)
	if err := live.Err(); err != nil {
		return err
	}
	done.Rows, done.Chunks = plan.Rows, len(plan.Partitions)
	done.Warnings = append(done.Warnings, plan.Warnings...)
	return nil
}

// checkCaptures warns of what nobody reads: the database holds its log for it.
func (a *app) checkCaptures(ctx context.Context, c *config.Config, p config.Projection, done *checked) error {
	all, err := a.captures(ctx, c, p)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.State != captureRunning {
			done.Warnings.Warn("source "+p.Source, a.remedy(one, p.Name), "%s", one.String())
		}
	}
	return nil
}

func checkTarget(ctx context.Context, c *config.Config, p config.Projection, done *checked) error {
	target, err := assemble.Target(ctx, c, p, nil)
	if err != nil {
		return err
	}
	survey, err := target.Survey(ctx)
	if err != nil {
		return err
	}
	done.Product, done.Version, done.Cluster = survey.Product, survey.Version, survey.Cluster
	t := c.Target(p.Target)
	for _, w := range survey.Warnings {
		done.Warnings.Warn("", "", "%s", w)
	}
	if searches(t.Kind) && t.Search.ClusterUUID == "" {
		done.Warnings.Warn(t.Place, "cluster_uuid: "+survey.Cluster, "target %s does not say which cluster it must be", t.Name)
	}
	if searches(t.Kind) && survey.Product != t.Kind {
		done.Warnings.Warn(t.Place, "write "+survey.Product+":", "target %s is said to be %s, but it is %s", t.Name, t.Kind, survey.Product)
	}
	if survey.Conflict != nil {
		trap := &sinks.NameConflict{Index: *survey.Conflict}
		done.Warnings.Warn("", "humpty help swap says what to do", "%s", trap.Error())
	}
	if asked, ok := target.(interface {
		Permitted(ctx context.Context) error
	}); ok {
		return asked.Permitted(ctx)
	}
	return nil
}

func searches(kind string) bool { return kind == "elasticsearch" || kind == "opensearch" }

// joined makes one error of several: a list of problems where all are problems, so that
// each is shown with its line.
func (a *app) joined(all []error) error {
	var problems problem.List
	var rest []error
	for _, err := range all {
		var l problem.List
		switch {
		case err == nil:
		case errors.As(err, &l):
			problems = append(problems, l...)
		default:
			rest = append(rest, err)
		}
	}
	switch {
	case len(problems) == 0:
		return errors.Join(rest...)
	case len(rest) == 0:
		return problems
	}
	for _, err := range rest {
		what, remedy, _ := strings.Cut(err.Error(), "\n")
		problems.Add("", strings.TrimSpace(remedy), "%s", what)
	}
	return problems
}

func (a *app) showEffective(c *config.Config) error {
	a.result.Effective = append([]config.Setting{
		{Path: "--config", Value: a.flags.config, Origin: a.origin("config", "humpty.yaml")},
		{Path: "--progress-interval", Value: a.flags.interval.String(), Origin: a.origin("progress-interval", "10s")},
	}, c.Settings...)
	width := 0
	for _, s := range a.result.Effective {
		width = max(width, len(s.Path))
	}
	for _, s := range a.result.Effective {
		a.printf("%-*s  %s   # %s\n", width, s.Path, oneLine(s.Value), s.Origin)
	}
	return nil
}

func (a *app) origin(flag, unset string) string {
	value := a.flags.config
	if flag != "config" {
		value = a.flags.interval.String()
	}
	if value == unset {
		return "default"
	}
	return a.origins[flag]
}

func oneLine(s string) string {
	if first, _, more := strings.Cut(strings.TrimSpace(s), "\n"); more {
		return fmt.Sprintf("%s …", first)
	}
	return strings.TrimSpace(s)
}

func indent3(s string) string { return strings.ReplaceAll(s, "\n", "\n             ") }
