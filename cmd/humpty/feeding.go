package main

import (
	"context"
	"errors"
	"fmt"

	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/deadletter"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/follow"
	"humpty/projector/generation"
	"humpty/projector/report"
	"humpty/sinks"
	"humpty/sources"
)

// projector makes the live projector of a projection. The letters are to be closed.
func (a *app) projector(ctx context.Context, conf *config.Config, p config.Projection, state assemble.State, observe func(report.Event)) (*follow.Projector, *deadletter.Writer, error) {
	r, err := assemble.Rebuild(ctx, conf, p, "follow", nil)
	if err != nil {
		return nil, nil, err
	}
	letters := a.deadLetters().Writer(p.Name, r.Owner.Run)
	equip := func(source sources.Source) {
		assemble.UseState(source, state, p.Name)
		assemble.UseLetters(source, letters)
	}
	limited := func(of projector.Projection) projector.Projection {
		of.Limits.Rejections, of.Limits.Poison = p.Limits.Follow.Rejections, p.Limits.Follow.Poison
		return of
	}
	equip(r.Source)
	return &follow.Projector{
		Projection: limited(r.Projection), Source: r.Source, Target: r.Target, MaxOutage: r.MaxOutage, Letters: letters, Observe: observe,
		Open: func(run string) (*checkpoint.Store, error) { return state.Open(p.Name, run) },
		Stored: func(g sinks.Generation) (projector.Projection, sources.Source, error) {
			of, err := state.Stored(conf, p, g)
			if err != nil {
				return projector.Projection{}, nil, err
			}
			source, err := assemble.Source(conf, of)
			if err != nil {
				return projector.Projection{}, nil, err
			}
			equip(source)
			return limited(assemble.Definition(of)), source, nil
		},
	}, letters, nil
}

// fed is the generation of that name if it is kept up to date though another one serves, or if
// that can be resumed here; nil if not.
func (c changeCommand) fed(ctx context.Context, conf *config.Config, p config.Projection, m *generation.Admin, name string) (*runs.Fed, error) {
	if !p.Live {
		return nil, nil
	}
	survey, _, err := m.Status(ctx)
	if err != nil {
		return nil, err
	}
	if live, ok := survey.Find(survey.Live()); name == "" && ok {
		name = live.Meta.Previous
	}
	fed, err := runs.NewCaptures(c.leftovers(conf)).Fed(ctx, p, survey, name)
	if err != nil || fed != nil {
		return fed, err
	}
	if known, err := c.leftovers(conf).Fed(p, survey); err == nil && known != nil && known.Generation == name && known.NotFed != "" {
		c.Warn(fmt.Sprintf("%s is not fed: %s", name, known.NotFed))
	}
	return nil, nil
}

// catchUp returns when all that is committed now is in a generation that is fed: humpty follow
// says so, or, where none runs, it is done here.
func (c changeCommand) catchUp(ctx context.Context, conf *config.Config, p config.Projection, fed runs.Fed) error {
	state, err := c.stateFolder(conf)
	if err != nil {
		return err
	}
	idle := func() bool {
		idle, err := runs.Idle(state, p.Name, fed.Run)
		return err == nil && idle
	}
	if idle() {
		f, letters, err := c.projector(ctx, conf, p, state, nil)
		if err != nil {
			return err
		}
		err = f.CatchUp(ctx, fed.Generation)
		_, _, closeErr := letters.Close()
		err = errors.Join(err, closeErr)
		if err == nil {
			c.Printf("%s: %s has all that was committed; nobody follows now: start humpty follow %[1]s\n", p.Name, fed.Generation)
			return nil
		}
		if idle() { // else humpty follow was quicker
			return err
		}
	}
	answered, err := runs.NewCaptures(c.leftovers(conf)).Fence(ctx, p, fed, assemble.Owner("rollback").Run, idle)
	switch {
	case err != nil:
		return err
	case answered:
		c.Printf("%s: %s has all that was committed, says humpty follow\n", p.Name, fed.Generation)
		return nil
	case idle():
		return c.catchUp(ctx, conf, p, fed)
	}
	return &problem.Refusal{
		Why:    fmt.Sprintf("humpty follow has %s, and does not say that it has caught up with it; nothing was changed", fed.Generation),
		Remedy: fmt.Sprintf("look what it waits for: %s; or serve %s as it is: %s", c.CommandLine("humpty status", p.Name), fed.Generation, c.CommandLine("humpty rollback", p.Name, "--to", fed.Generation, "--now")),
	}
}

// tellFeeding says what is fed since the alias serves another generation, and by which definition
// what serves is followed.
func (c changeCommand) tellFeeding(ctx context.Context, conf *config.Config, p config.Projection, m *generation.Admin) error {
	survey, _, err := m.Status(ctx)
	if err != nil {
		return err
	}
	if live, ok := survey.Find(survey.Live()); ok && live.Meta.Definition != p.Hash {
		c.Warn(followedByStored(p, live.Name))
	}
	fed, err := c.leftovers(conf).Fed(p, survey)
	if err == nil && fed != nil && fed.NotFed == "" {
		c.Printf("%s: %s is fed %s; humpty rollback goes back to it\n", p.Name, fed.Generation, fed.Term())
	}
	return err
}

// followedByStored says that the file's definition is not that of what serves.
func followedByStored(p config.Projection, generation string) string {
	return fmt.Sprintf("%s: %s was made by another definition than the one of the file: humpty follow keeps it up to date by the one that is stored with it\n"+
		"    put the file back when you stay with it; humpty rebuild %[1]s makes a generation of the file's", p.Name, generation)
}
