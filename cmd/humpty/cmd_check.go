package main

import (
	"context"
	"errors"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"humpty/cmd/humpty/internal/render"
	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/internal/ui"
	"humpty/projector/generation"
	"humpty/sinks"
)

// checkCommand looks at all that a run would meet.
type checkCommand struct {
	*app
	effective bool
}

func newCheckCommand(a *app) *cobra.Command {
	c := checkCommand{app: a}
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
		Args:              atMostOneProjection,
		ValidArgsFunction: a.completeProjection,
	}
	cmd.RunE = a.begin(c.run)
	cmd.Flags().BoolVar(&c.effective, "show-effective", false, "print every value in force and its origin")
	limitFlags(cmd)
	return cmd
}

func (c *checkCommand) run(cmd *cobra.Command, args []string) error {
	conf, projections, err := c.projections(cmd, args)
	if err != nil {
		return err
	}
	if c.effective {
		return c.showEffective(conf)
	}
	var all []error
	for _, p := range projections {
		all = append(all, c.check(cmd.Context(), conf, p))
	}
	return joinErrors(all)
}

// check looks at the source and the target of one projection, also at the second when
// the first is wrong.
func (c *checkCommand) check(ctx context.Context, conf *config.Config, p config.Projection) error {
	done := projectionCheck{Projection: p.Name, Source: p.Source, Target: p.Target}
	c.leftovers(conf).Heal(ctx, p)
	sourceErr := c.checkSource(ctx, conf, p, &done)
	targetErr := c.checkTarget(ctx, conf, p, &done)
	if sourceErr == nil && targetErr == nil {
		sourceErr = c.checkCaptures(ctx, conf, p, &done)
	}
	if targetErr == nil {
		targetErr = c.checkDefinition(ctx, conf, p, &done)
	}
	for _, err := range []error{sourceErr, targetErr} {
		if err != nil {
			done.Problems = append(done.Problems, err.Error())
		}
	}
	for _, w := range done.Warnings {
		c.WarnProblem(p.Name+": ", w)
	}
	if sourceErr == nil {
		c.Printf("%s: source %s is fine: about %s rows in %s\n", p.Name, p.Source, ui.Count(done.Rows), render.Chunks(done.Chunks))
	}
	for _, note := range done.Notes {
		c.Printf("%s: %s\n", p.Name, note)
	}
	if targetErr == nil {
		c.Printf("%s: target %s is fine: %s\n", p.Name, p.Target, strings.TrimSpace(strings.Join([]string{done.Product, done.Version, done.Cluster}, " ")))
	}
	c.result.Checks = append(c.result.Checks, done)
	return joinErrors([]error{sourceErr, targetErr})
}

func (c *checkCommand) checkSource(ctx context.Context, conf *config.Config, p config.Projection, done *projectionCheck) error {
	source, err := assemble.Source(conf, p)
	if err != nil {
		return err
	}
	plan, err := source.Plan(ctx)
	if err != nil {
		return err
	}
	live, err := preflight(ctx, conf, p)
	if err != nil {
		return err
	}
	done.Warnings = append(done.Warnings, live.Warnings()...)
	if err := live.Err(); err != nil {
		return err
	}
	done.document = plan
	done.Rows, done.Chunks, done.Notes = plan.Rows, len(plan.Partitions), plan.Notes
	done.Warnings = append(done.Warnings, problem.List(plan.Warnings).Warnings()...)
	return plan.Refusal()
}

// checkDefinition holds the definition of the index against the target, and against the
// documents where the source knows their fields.
func (c *checkCommand) checkDefinition(ctx context.Context, conf *config.Config, p config.Projection, done *projectionCheck) error {
	r, err := assemble.Rebuild(ctx, conf, p, "check", nil)
	if err != nil {
		return err
	}
	found, err := r.CheckDefinition(ctx, done.document)
	if err != nil {
		return err
	}
	done.Warnings = append(done.Warnings, found.Warnings()...)
	return found.Err()
}

// checkCaptures warns of captures that are not in use: the database holds its log for them.
func (c *checkCommand) checkCaptures(ctx context.Context, conf *config.Config, p config.Projection, done *projectionCheck) error {
	captures := runs.NewCaptures(c.leftovers(conf))
	all, err := captures.Of(ctx, p)
	if err != nil {
		return err
	}
	for _, one := range all {
		if one.State != runs.CaptureRunning {
			done.Warnings.Warn("source "+p.Source, captures.Remedy(one, p.Name), "%s", one.String())
		}
	}
	return c.checkFed(ctx, conf, p, done)
}

// checkFed warns of what the source lacks for generations that other definitions made, and that
// are kept up to date by them.
func (c *checkCommand) checkFed(ctx context.Context, conf *config.Config, p config.Projection, done *projectionCheck) error {
	if p.FeedPrevious == 0 {
		return nil
	}
	m, err := assemble.Admin(ctx, conf, p, "check")
	if err != nil {
		return err
	}
	survey, _, err := m.Status(ctx)
	if err != nil {
		return err
	}
	state, err := c.stateFolder(conf)
	if err != nil {
		return err
	}
	var all []sinks.Generation
	if live, ok := survey.Find(survey.Live()); ok {
		all = append(all, live)
	}
	if fed, _, ok := m.Feed.At(survey, time.Now()); ok {
		all = append(all, fed)
	}
	for _, g := range all {
		if g.Meta.Definition == p.Hash {
			continue
		}
		of, err := state.Stored(conf, p, g)
		if err == nil {
			err = c.checkStored(ctx, conf, of)
		}
		if err != nil {
			done.Warnings.Warn(g.Name, "what it needs of the source must stay for as long as it is fed (keep.feed_previous)", "by its own definition it cannot be kept up to date: %s", err)
		}
	}
	return nil
}

// checkStored is what speaks against a definition that is not the file's.
func (c *checkCommand) checkStored(ctx context.Context, conf *config.Config, of config.Projection) error {
	source, err := assemble.Source(conf, of)
	if err != nil {
		return err
	}
	plan, err := source.Plan(ctx)
	if err != nil {
		return err
	}
	live, err := assemble.Preflight(ctx, source, true)
	if err != nil {
		return err
	}
	return errors.Join(plan.Refusal(), live.Err())
}

func (c *checkCommand) checkTarget(ctx context.Context, conf *config.Config, p config.Projection, done *projectionCheck) error {
	target, err := assemble.Target(ctx, conf, p, nil)
	if err != nil {
		return err
	}
	survey, err := target.Survey(ctx)
	if err != nil {
		return err
	}
	done.Product, done.Version, done.Cluster = survey.Product, survey.Version, survey.Cluster
	t := conf.Target(p.Target)
	done.Warnings = append(done.Warnings, generation.CheckVersions(ctx, target, survey, p.Versions)...)
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
		conflict := &sinks.NameConflict{Index: *survey.Conflict}
		done.Warnings.Warn("", "humpty help swap says what to do", "%s", conflict.Error())
	}
	if asked, ok := target.(interface {
		Permitted(ctx context.Context) error
	}); ok {
		return asked.Permitted(ctx)
	}
	return nil
}

func searches(kind string) bool { return kind == "elasticsearch" || kind == "opensearch" }

func (c *checkCommand) showEffective(conf *config.Config) error {
	c.result.Effective = append([]config.Setting{
		{Path: "--config", Value: c.File.Path, Origin: c.origin("config", "humpty.yaml")},
		{Path: "--progress-interval", Value: c.Interval.String(), Origin: c.origin("progress-interval", "10s")},
	}, conf.Settings...)
	width := 0
	for _, s := range c.result.Effective {
		width = max(width, len(s.Path))
	}
	for _, s := range c.result.Effective {
		c.Printf("%-*s  %s   # %s\n", width, s.Path, render.FirstLine(s.Value), s.Origin)
	}
	return nil
}

func (c *checkCommand) origin(flag, unset string) string {
	value := c.File.Path
	if flag != "config" {
		value = c.Interval.String()
	}
	if value == unset {
		return "default"
	}
	return c.origins[flag]
}

// preflight is what a live run would meet; nothing for others.
func preflight(ctx context.Context, conf *config.Config, p config.Projection) (problem.List, error) {
	if !p.Live {
		return nil, nil
	}
	source, err := assemble.Source(conf, p)
	if err != nil {
		return nil, err
	}
	return assemble.Preflight(ctx, source, false)
}
