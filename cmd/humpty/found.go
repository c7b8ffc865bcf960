package main

import (
	"bufio"
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/sinks"
)

// left is a run that was stopped, of any kind.
type left struct {
	projection config.Projection
	run        string
	generation string // empty: it had none yet
	began      time.Time
	done, of   int // partitions
}

func (l left) String() string {
	text := fmt.Sprintf("run %s of %s, which began %s and was stopped, ", l.run, l.projection.Name, l.began.Local().Format(time.DateTime))
	if l.projection.Live {
		return text + fmt.Sprintf("has done %d of %d partitions", l.done, l.of)
	}
	return text + "read one snapshot, which ended with its process"
}

// leftIn finds the runs of a projection that were stopped: live ones in the state folder;
// those of a snapshot by the generation that they left half done in the target.
func (a *app) leftIn(ctx context.Context, c *config.Config, p config.Projection) ([]left, error) {
	if !p.Live {
		halves, err := a.halves(ctx, c, p)
		var all []left
		for _, g := range halves {
			all = append(all, left{projection: p, run: g.Meta.Run, generation: g.Name, began: g.Meta.Started})
		}
		return all, err
	}
	state, err := a.state(c)
	if err != nil {
		return nil, err
	}
	runs, err := state.Unfinished(p.Name)
	var all []left
	for _, b := range runs {
		all = append(all, left{p, b.Run, b.Generation, b.Started, b.Done, len(b.Partitions)})
	}
	return all, err
}

// halves are the generations that a run left half done, and of which nothing is known here:
// it was one of a snapshot, or of another machine.
func (a *app) halves(ctx context.Context, c *config.Config, p config.Projection) ([]sinks.Generation, error) {
	m, err := assemble.Manage(ctx, c, p, "status")
	if err != nil {
		return nil, err
	}
	survey, lease, err := m.Status(ctx)
	if err != nil {
		return nil, err
	}
	return a.halvesIn(c, p, survey, lease), nil
}

func (a *app) halvesIn(c *config.Config, p config.Projection, survey sinks.Survey, lease *projector.LeaseState) []sinks.Generation {
	known := func(string) bool { return false }
	if state, err := a.state(c); err == nil && p.Live {
		known = func(run string) bool { return state.Has(p.Name, run) }
	}
	return slices.DeleteFunc(slices.Clone(survey.Generations), func(g sinks.Generation) bool {
		half := g.Meta.Verified == nil
		switch g.Meta.State {
		case sinks.Creating, sinks.Loading, sinks.CatchingUp, sinks.Sealed:
		case sinks.Failed:
			half = half && strings.Contains(g.Meta.Reason, interruptedBy)
		default:
			half = false
		}
		works := lease != nil && lease.Held && lease.Lease.Owner.Run == g.Meta.Run
		return !half || works || survey.Live() == g.Name || known(g.Meta.Run)
	})
}

// tellHalves says what earlier runs left half done that this one does not go on with.
func (a *app) tellHalves(ctx context.Context, c *config.Config, p config.Projection) error {
	a.mend(ctx, c, p) // the run may be refused before it has the lease
	halves, err := a.halves(ctx, c, p)
	if err != nil {
		return err
	}
	for _, g := range halves {
		a.warn(a.half(p, g))
	}
	return nil
}

// half says what becomes of a generation that was left half done.
func (a *app) half(p config.Projection, g sinks.Generation) string {
	why := "the snapshot that it read ended with its process: a rebuild or resume takes a new snapshot and fills a new generation"
	if p.Live {
		why = "the state folder here does not know it: it can be gone on with only where it began (--state)"
	}
	return fmt.Sprintf("generation %s was left half done by run %s; %s; %s drops it", g.Name, g.Meta.Run, why, a.typed("humpty prune", p.Name))
}

// goesOn decides whether a rebuild goes on with a run that was stopped: as the flags say, or
// a person; else nobody does.
func (a *app) goesOn(ctx context.Context, c *config.Config, p config.Projection, o rebuilding) (rebuilding, error) {
	if err := a.tellHalves(ctx, c, p); err != nil || !p.Live || o.anew {
		return o, err
	}
	all, err := a.leftIn(ctx, c, p)
	if err != nil || len(all) == 0 {
		return o, err
	}
	if len(all) > 1 {
		return o, a.several(all)
	}
	if o.goOn || a.flags.yes {
		o.resume = all[0].run
		return o, nil
	}
	resume, err := a.choose(all, a.typed("humpty rebuild", p.Name))
	if resume {
		o.resume = all[0].run
	}
	o.anew = !resume
	return o, err
}

// choose asks a person what becomes of runs that were stopped. Where nobody can be asked it
// refuses and names the flags.
func (a *app) choose(all []left, command string) (resume bool, err error) {
	var what []string
	for _, one := range all {
		what = append(what, one.String())
	}
	refusal := &problem.Refusal{
		Why:    strings.Join(what, "\n"),
		Remedy: fmt.Sprintf("go on with it: %s, or %s; or give it up and start over: %s", a.resuming(all), command+" --resume", command+" --new"),
	}
	if !a.asks() {
		return false, refusal
	}
	fmt.Fprintf(a.err, "%s.\n  r  go on with it (resume)\n  n  give it up, and start over (new)\n  q  leave everything as it is (quit)\n", strings.Join(what, ",\n"))
	in := bufio.NewReader(a.in)
	for range 3 {
		fmt.Fprint(a.err, "Type r, n or q: ")
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

func (a *app) resuming(all []left) string {
	if len(all) > 1 {
		return a.typed("humpty resume --all")
	}
	return a.typed("humpty resume", all[0].run)
}

func (a *app) several(all []left) error {
	var names []string
	for _, one := range all {
		names = append(names, one.run+" of "+one.projection.Name)
	}
	return &usageError{"several runs were stopped: say which: " + strings.Join(names, ", "), "humpty resume " + all[0].run + ", or humpty resume --all"}
}

// asks tells whether a person is there to be asked.
func (a *app) asks() bool { return a.inTerminal && a.errTerminal && !a.flags.json }
