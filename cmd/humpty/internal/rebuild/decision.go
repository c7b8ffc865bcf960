package rebuild

import (
	"bufio"
	"context"
	"fmt"
	"strings"

	"humpty/cmd/humpty/internal/runs"
	"humpty/internal/config"
	"humpty/internal/problem"
)

// Decide decides whether a rebuild resumes a run that was stopped: as the flags say, or a
// person; where neither does, it refuses.
func (r *Runner) Decide(ctx context.Context, p config.Projection, o Options) (Options, error) {
	if err := r.Leftovers.WarnPartial(ctx, p); err != nil || !p.Live || o.New {
		return o, err
	}
	all, err := r.Leftovers.Stopped(ctx, p)
	if err != nil || len(all) == 0 {
		return o, err
	}
	if len(all) > 1 {
		return o, runs.ErrSeveral(all)
	}
	if o.Resume || r.Yes {
		o.Run = all[0].Run
		return o, nil
	}
	resume, err := r.choose(all, r.CommandLine("humpty rebuild", p.Name))
	if resume {
		o.Run = all[0].Run
	}
	o.New = !resume
	return o, err
}

// decideAll asks once what becomes of all runs that were stopped. Where no person can be asked
// each of them is refused, and the others are rebuilt.
func (r *Runner) decideAll(ctx context.Context, order []config.Projection, o Options) (Options, error) {
	if o.Resume = o.Resume || r.Yes && !o.New; o.Resume || o.New || !r.Interactive() {
		return o, nil
	}
	var all []runs.Stopped
	for _, p := range order {
		if !p.Live {
			continue
		}
		found, err := r.Leftovers.Stopped(ctx, p)
		if err != nil {
			return o, err
		}
		all = append(all, found...)
	}
	if len(all) == 0 {
		return o, nil
	}
	resume, err := r.choose(all, r.CommandLine("humpty rebuild --all"))
	o.Resume, o.New = resume, !resume
	return o, err
}

// choose asks a person what becomes of runs that were stopped. Where no person can be asked it
// refuses and names the flags.
func (r *Runner) choose(all []runs.Stopped, command string) (resume bool, err error) {
	var what []string
	for _, one := range all {
		what = append(what, one.String())
	}
	refusal := &problem.Refusal{
		Why:    strings.Join(what, "\n"),
		Remedy: fmt.Sprintf("go on with it: %s, or %s; or give it up and start over: %s", r.resumeCommand(all), command+" --resume", command+" --new"),
	}
	if !r.Interactive() {
		return false, refusal
	}
	fmt.Fprintf(r.Err, "%s.\n  r  go on with it (resume)\n  n  give it up, and start over (new)\n  q  leave everything as it is (quit)\n", strings.Join(what, ",\n"))
	in := bufio.NewReader(r.In)
	for range 3 {
		fmt.Fprint(r.Err, "Type r, n or q: ")
		answer, err := in.ReadString('\n')
		switch strings.ToLower(strings.TrimSpace(answer)) {
		case "r", "resume":
			return true, nil
		case "n", "new":
			return false, nil
		case "q", "quit":
			return false, refusal
		}
		if err != nil {
			break
		}
	}
	return false, refusal
}

func (r *Runner) resumeCommand(all []runs.Stopped) string {
	if len(all) > 1 {
		return r.CommandLine("humpty resume --all")
	}
	return r.CommandLine("humpty resume", all[0].Run)
}
