package rebuild

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/problem"
	"humpty/internal/wait"
	"humpty/sources"
)

// lookingTime is how long something that has a run is taken for one that only looks at it.
const lookingTime = 5 * time.Second

// adopting resumes an adoption of the same generation that was stopped, and gives up those of
// others. It refuses while a process follows the generation: both would write to it.
func (j *job) adopting(ctx context.Context, source sources.Capturer, o Options) (Options, error) {
	p := j.projection
	survey, err := j.rebuild.Target.Survey(ctx)
	if err != nil {
		return o, fmt.Errorf("survey the target: %w", err)
	}
	name := o.Adopt.Generation
	if name == "" {
		name = survey.Live()
	}
	stopped, err := j.state.Resumable(p.Name)
	if err != nil {
		return o, err
	}
	for _, b := range stopped {
		switch {
		case !b.Adopts:
		case b.Generation == name && (b.Previous == name) == (survey.Live() == name):
			o.Run = b.Run
			return o, nil
		default:
			if err := errors.Join(source.Release(ctx, b.Run), j.state.Forget(p.Name, b.Run)); err != nil {
				return o, fmt.Errorf("give up run %s: %w", b.Run, err)
			}
			j.runner.Warn(fmt.Sprintf("run %s, which made %s right, was stopped: it is given up", b.Run, b.Generation))
		}
	}
	g, ok := survey.Find(name)
	if !ok { // the engine says so
		return o, nil
	}
	captures, pause := runs.NewCaptures(j.runner.Leftovers), wait.NewBackoff(lookingTime)
	for over := false; !over; { // a humpty status that looks at the run has it for a moment
		read, err := captures.Read(ctx, p, g.Meta.Run)
		if err != nil || !read {
			return o, err
		}
		if over, err = pause.Wait(ctx); err != nil {
			return o, err
		}
	}
	return o, &problem.Refusal{
		Why: fmt.Sprintf("a process follows %s now: both would write to it", name),
		Remedy: "end that humpty follow first; if its machine is dead, the database notices within wal_sender_timeout (1 min): then again: " +
			j.runner.CommandLine("humpty "+j.runner.Verb, p.Name),
	}
}
