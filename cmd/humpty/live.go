package main

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/crashpoint"
	"humpty/internal/marks"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/sources"
)

// state is the folder of what live runs must not forget.
func (a *app) state(c *config.Config) (assemble.State, error) {
	state, err := assemble.StateOf(c, a.flags.state, a.env)
	state.Fatal = func(err error) {
		fmt.Fprintf(a.err, "%s %v\n%s free space there, then go on: humpty resume; or start over: humpty rebuild --new\n", a.label("error"), err, a.label("next"))
		a.exit(exitFailed)
	}
	return state, err
}

// liveRun is what a run holds in the state folder, if its projection is live.
type liveRun struct {
	state      assemble.State
	projection config.Projection
	store      *marks.Store
}

// live lets a run catch up with what changes meanwhile, if its projection asks for it.
func (a *app) live(ctx context.Context, c *config.Config, p config.Projection, r *projector.Rebuild, o rebuilding) (*liveRun, error) {
	if !p.Live {
		return &liveRun{}, nil
	}
	source, ok := r.Source.(sources.Capturer)
	if !ok {
		return nil, &problem.Refusal{Why: "this source cannot tell what changes", Remedy: "write consistency: snapshot"}
	}
	state, err := a.state(c)
	if err != nil {
		return nil, err
	}
	assemble.Live(r.Source, state, p.Name)
	l := &liveRun{state: state, projection: p}
	r.Live = &projector.Live{Writer: projector.Writer(p.Writer), Resume: o.resume != ""}
	if o.resume != "" {
		r.Owner.Run = o.resume
		l.store, err = state.Open(p.Name, o.resume)
	} else {
		if err := a.unfinished(ctx, source, state, p, o.anew); err != nil {
			return nil, err
		}
		found, err := preflightOf(ctx, r.Source, o.unindexed)
		if err != nil {
			return nil, err
		}
		for _, w := range found.Warnings() {
			a.caution("", w)
		}
		if err := found.Err(); err != nil {
			return nil, err
		}
		l.store, err = state.Begin(p.Name, r.Owner.Run)
		if err != nil {
			return nil, err
		}
	}
	r.Live.Marks = l.store
	return l, err
}

// unfinished refuses a new run beside one that can be gone on with; or gives that up.
func (a *app) unfinished(ctx context.Context, source sources.Capturer, state assemble.State, p config.Projection, anew bool) error {
	runs, err := state.Unfinished(p.Name)
	if err != nil {
		return err
	}
	for _, b := range runs {
		if !anew {
			return &problem.Refusal{
				Why: fmt.Sprintf("run %s, which began %s and has done %d of %d partitions, was stopped",
					b.Run, b.Started.Format("2006-01-02 15:04:05"), b.Done, len(b.Partitions)),
				Remedy: fmt.Sprintf("go on with it: %s, or %s; or give it up and start over: %s",
					a.typed("humpty resume", b.Run), a.typed("humpty rebuild", p.Name, "--resume"), a.typed("humpty rebuild", p.Name, "--new")),
			}
		}
		if err := errors.Join(source.Release(ctx, b.Run), state.Forget(p.Name, b.Run)); err != nil {
			return fmt.Errorf("give up run %s: %w", b.Run, err)
		}
		a.warn(fmt.Sprintf("run %s is given up; %s drops its generation %s", b.Run, a.typed("humpty prune", p.Name), b.Generation))
	}
	return nil
}

// end closes the store, and forgets what nobody needs any more: neither a later process,
// nor humpty follow.
func (l *liveRun) end(r projector.Record) error {
	if l.store == nil {
		return nil
	}
	err := l.store.Close()
	crashpoint.At("state closed")
	followed := l.projection.Writer == string(projector.WriterFollow) && r.Status == projector.Completed
	if err != nil || r.Resumable || followed {
		return err
	}
	return l.state.Forget(l.projection.Name, r.Run)
}

// preflight is what a live run would meet; nothing for others.
func preflight(ctx context.Context, c *config.Config, p config.Projection) (problem.List, error) {
	if !p.Live {
		return nil, nil
	}
	source, err := assemble.Source(c, p)
	if err != nil {
		return nil, err
	}
	return preflightOf(ctx, source, false)
}

// preflightOf is what all tables of a source would meet; each of them has a slot of its own.
func preflightOf(ctx context.Context, source sources.Source, unindexed bool) (all problem.List, err error) {
	for _, database := range assemble.Databases(source) {
		found, err := database.Preflight(ctx, unindexed)
		if err != nil {
			return nil, err
		}
		for _, p := range found {
			if !slices.Contains(all, p) {
				all = append(all, p)
			}
		}
	}
	return all, nil
}
