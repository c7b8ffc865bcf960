package rebuild

import (
	"context"
	"errors"
	"fmt"

	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/crashpoint"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/report"
	"humpty/sources"
)

// job is a rebuild that is ready to run, and what it holds in the state folder if its
// projection is live.
type job struct {
	runner     *Runner
	projection config.Projection
	rebuild    *projector.Rebuild
	record     projector.Record

	state assemble.State
	store *checkpoint.Store // nil: it is not live
	log   *runs.Log
}

// newJob prepares a rebuild; waiting gets why a write waits.
func newJob(ctx context.Context, r *Runner, p config.Projection, verb string, o Options, waiting func(string)) (*job, error) {
	rebuild, err := assemble.Rebuild(ctx, r.Config, p, verb, waiting)
	if err != nil {
		return nil, err
	}
	rebuild.AllowEmpty, rebuild.NoSwap, rebuild.ServeEarly = o.AllowEmpty, o.NoSwap, o.ServeEarly
	rebuild.Adopt = o.Adopt
	if o.ServeEarly && p.Events != nil {
		return nil, &problem.Refusal{
			Why:    fmt.Sprintf("projection %s cannot be served early: a document of events is written when all of them were read", p.Name),
			Remedy: "leave --serve-early out",
		}
	}
	j := &job{runner: r, projection: p, rebuild: rebuild, log: &runs.Log{}}
	if err := j.capture(ctx, o); err != nil {
		return nil, err
	}
	if rebuild.Live == nil {
		assemble.WaitForBrokers(rebuild.Source, rebuild.MaxOutage, waiting)
	}
	rebuild.Letters = r.Letters.Writer(p.Name, rebuild.Owner.Run)
	assemble.UseLetters(rebuild.Source, rebuild.Letters)
	if j.store != nil {
		if j.log, err = runs.OpenLog(j.state, p.Name, rebuild.Owner.Run); err != nil {
			return nil, errors.Join(err, j.store.Close())
		}
	}
	return j, nil
}

// capture lets a run catch up with what changes meanwhile, if its projection asks for it.
func (j *job) capture(ctx context.Context, o Options) error {
	r, p := j.rebuild, j.projection
	if !p.Live {
		return nil
	}
	source, ok := r.Source.(sources.Capturer)
	if !ok {
		return &problem.Refusal{Why: "this source cannot tell what changes", Remedy: "write consistency: snapshot"}
	}
	state, err := j.runner.Leftovers.State()
	if err != nil {
		return err
	}
	assemble.UseState(r.Source, state, p.Name)
	j.state = state
	if o.Adopt != nil {
		if o, err = j.adopting(ctx, source, o); err != nil {
			return err
		}
	}
	r.Live = &projector.Live{Writer: projector.Writer(p.Writer), Resume: o.Run != ""}
	if o.Run != "" {
		r.Owner.Run = o.Run
		j.store, err = state.Open(p.Name, o.Run)
	} else {
		if o.Adopt == nil {
			if err := j.discardStopped(ctx, source, o.New); err != nil {
				return err
			}
		}
		runs.NewCaptures(j.runner.Leftovers).Tidy(ctx, p) // a process that died behind its swap left its slot
		found, err := assemble.Preflight(ctx, r.Source, o.Unindexed)
		if err != nil {
			return err
		}
		for _, w := range found.Warnings() {
			j.runner.WarnProblem("", w)
		}
		if err := found.Err(); err != nil {
			return err
		}
		j.store, err = state.Begin(p.Name, r.Owner.Run)
		if err != nil {
			return err
		}
	}
	r.Live.Checkpoint = j.store
	return err
}

// discardStopped refuses a new run if an earlier one can be resumed, or discards that one.
func (j *job) discardStopped(ctx context.Context, source sources.Capturer, discard bool) error {
	r, p := j.runner, j.projection
	stopped, err := j.state.Resumable(p.Name)
	if err != nil {
		return err
	}
	for _, b := range stopped {
		if !discard {
			return &problem.Refusal{
				Why: fmt.Sprintf("run %s, which began %s and has done %d of %d partitions, was stopped",
					b.Run, b.Started.Format("2006-01-02 15:04:05"), b.Done, len(b.Partitions)),
				Remedy: fmt.Sprintf("go on with it: %s, or %s; or give it up and start over: %s",
					r.CommandLine("humpty resume", b.Run), r.CommandLine("humpty rebuild", p.Name, "--resume"), r.CommandLine("humpty rebuild", p.Name, "--new")),
			}
		}
		if err := errors.Join(source.Release(ctx, b.Run), j.state.Forget(p.Name, b.Run)); err != nil {
			return fmt.Errorf("give up run %s: %w", b.Run, err)
		}
		r.Warn(fmt.Sprintf("run %s is given up; %s drops its generation %s", b.Run, r.CommandLine("humpty prune", p.Name), b.Generation))
	}
	return nil
}

func (j *job) run(ctx context.Context, show func(report.Event)) (err error) {
	j.rebuild.Observe = func(e report.Event) { j.log.Event(e); show(e) }
	j.record, err = j.rebuild.Run(ctx)
	return err
}

// end leaves what a later process needs, and nothing else.
func (j *job) end() error {
	j.log.End(j.record)
	if err := j.log.Close(); err != nil {
		j.runner.Warn(err.Error())
	}
	return j.closeState()
}

// tidy drops what the generation before held on the source, and names what is left there.
func (j *job) tidy(ctx context.Context) {
	ctx, cancel := wait.ToCleanUp(ctx)
	defer cancel()
	captures := runs.NewCaptures(j.runner.Leftovers)
	if j.record.Status == report.Completed {
		captures.Tidy(ctx, j.projection)
	}
	captures.Name(ctx, j.projection)
}

// closeState closes the store, and forgets what is not needed any more: neither by a later
// process, nor by humpty follow.
func (j *job) closeState() error {
	if j.store == nil {
		return nil
	}
	err := j.store.Close()
	crashpoint.At("state closed")
	followed := j.projection.Writer == string(projector.WriterFollow) && j.record.Status == report.Completed
	if err != nil || j.record.Resumable || followed {
		return err
	}
	return j.state.Forget(j.projection.Name, j.record.Run)
}
