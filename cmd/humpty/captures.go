package main

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/sinks"
	"humpty/sources/postgres"
)

// capture is what a live run holds on a database, and who needs it.
type capture struct {
	postgres.Capture
	Run   string `json:"run,omitempty"` // whose it is
	State string `json:"state"`         // running | followed | stopped | dead | unknown
}

// The states of a capture: a process or the lease's owner has it; humpty follow goes on
// with it; humpty resume does; nobody does; no projection of the file knows it.
const (
	captureRunning  = "running"
	captureFollowed = "followed"
	captureStopped  = "stopped"
	captureDead     = "dead"
	captureUnknown  = "unknown"
)

func (c capture) String() string {
	what := "slot and publication " + c.Name
	if !c.Slot {
		what = "publication " + c.Name
	}
	text := fmt.Sprintf("%s, for which the database holds %s of log", what, ui.Bytes(c.Held))
	switch c.State {
	case captureRunning:
		return text + ": in use"
	case captureFollowed:
		return text + ": humpty follow goes on with it"
	case captureStopped:
		return text + ": run " + c.Run + " was stopped"
	case captureDead:
		return text + ": left by run " + c.Run + ", which is over as far as this state folder knows"
	}
	return text + ": no projection of this file knows it"
}

// remedy is what to type about one that nobody reads.
func (a *app) remedy(c capture, p string) string {
	switch c.State {
	case captureStopped:
		return a.typed("humpty resume", c.Run) + " goes on with the run; " + a.typed("humpty prune", p, "--stopped") + " gives it up"
	case captureDead:
		return a.typed("humpty prune", p) + " drops it"
	case captureUnknown:
		return "if nothing elsewhere needs it: " + a.typed("humpty prune", p, "--slot", c.Name)
	case captureFollowed:
		return "keep humpty follow running: until then the log grows"
	}
	return ""
}

// database is one of the tables of a projection, whichever: what captures hold is the same
// for all. Nil if it reads topics alone.
func database(c *config.Config, p config.Projection) (*postgres.Source, error) {
	source, err := assemble.Source(c, p)
	if err != nil {
		return nil, err
	}
	if all := assemble.Databases(source); len(all) > 0 {
		return all[0], nil
	}
	return nil, nil
}

// captures are those on the database of a projection that are its own, or nobody's.
func (a *app) captures(ctx context.Context, c *config.Config, p config.Projection) ([]capture, error) {
	source, err := database(c, p)
	if err != nil || source == nil {
		return nil, err
	}
	there, err := source.Captures(ctx)
	if err != nil || len(there) == 0 {
		return nil, err
	}
	var all []capture
	owners := map[string]bool{}
	for _, q := range c.Projections {
		if q.Database() != p.Database() {
			continue
		}
		k, err := a.knows(ctx, c, q)
		if err != nil {
			return nil, err
		}
		for _, t := range there {
			run, state := k.state(t)
			owners[t.Name] = owners[t.Name] || run != ""
			if run != "" && q.Name == p.Name {
				all = append(all, capture{Capture: t, Run: run, State: state})
			}
		}
	}
	for _, t := range there {
		if owners[t.Name] {
			continue
		}
		state := captureUnknown
		if t.Active {
			state = captureRunning
		}
		all = append(all, capture{Capture: t, State: state})
	}
	return all, nil
}

// knowledge is what is known of a projection's runs.
type knowledge struct {
	projection config.Projection
	survey     sinks.Survey
	running    string   // the run that holds the lease
	runs       []string // in the state folder
	stopped    []projector.Begun
}

func (a *app) knows(ctx context.Context, c *config.Config, p config.Projection) (k knowledge, err error) {
	k.projection = p
	m, err := assemble.Manage(ctx, c, p, "status")
	if err != nil {
		return k, err
	}
	survey, lease, err := m.Status(ctx)
	if err != nil {
		return k, err
	}
	k.survey = survey
	if lease != nil && lease.Held {
		k.running = lease.Lease.Owner.Run
	}
	state, err := a.state(c)
	if err != nil {
		return k, err
	}
	if k.runs, err = state.Runs(p.Name); err != nil {
		return k, err
	}
	k.stopped, err = state.Unfinished(p.Name)
	return k, err
}

// state finds the run of a capture, and says who needs it; no run if it is another's.
func (k knowledge) state(c postgres.Capture) (run, state string) {
	runs := append(slices.Clone(k.runs), k.running)
	for _, g := range k.survey.Generations {
		runs = append(runs, g.Meta.Run)
	}
	at := slices.IndexFunc(runs, func(run string) bool { return run != "" && c.Of(run) })
	if at < 0 {
		return "", ""
	}
	run = runs[at]
	live, _ := k.survey.Find(k.survey.Live())
	follows := k.projection.Live && k.projection.Writer == string(projector.WriterFollow) && !c.Lost
	previous, fed := k.survey.Find(live.Meta.Previous)
	switch {
	case c.Active, run == k.running:
		return run, captureRunning
	case follows && live.Meta.Run == run, follows && k.projection.Feed && fed && previous.Meta.Run == run:
		return run, captureFollowed
	case slices.ContainsFunc(k.stopped, func(b projector.Begun) bool { return b.Run == run }):
		return run, captureStopped
	}
	return run, captureDead
}

// captured adds to what status shows; that a database does not answer must not hide what
// the target says.
func (a *app) captured(ctx context.Context, c *config.Config, p config.Projection) []capture {
	if !p.Live {
		return nil
	}
	all, err := a.captures(ctx, c, p)
	if err != nil {
		a.warn(p.Name + ": what live runs hold on the source cannot be said: " + err.Error())
	}
	for _, one := range all {
		a.printf("  %s\n", strings.TrimSuffix(one.String()+"; "+a.remedy(one, p.Name), "; "))
	}
	return all
}

// needless are the captures that go with the chosen generations, those of runs that are
// over, and one that is named; stopped: those of runs that could be gone on with, too.
func (a *app) needless(ctx context.Context, c *config.Config, p config.Projection, chosen []sinks.Generation, slot string, stopped bool) ([]capture, error) {
	all, err := a.captures(ctx, c, p)
	if err != nil {
		if slot != "" {
			return nil, err
		}
		a.warn("slots and publications of dead runs are not looked for: " + err.Error())
	}
	named := slot == ""
	needless := slices.DeleteFunc(all, func(one capture) bool {
		if one.Name == slot && one.State == captureUnknown {
			named = true
			return false
		}
		doomed := slices.ContainsFunc(chosen, func(g sinks.Generation) bool { return g.Meta.Run == one.Run })
		switch one.State {
		case captureDead:
			return false
		case captureStopped:
			return !stopped && !doomed
		case captureFollowed:
			return !doomed
		}
		return true
	})
	if !named {
		return nil, &problem.Refusal{
			Why:    fmt.Sprintf("%s is no slot on source %s that nobody reads and no projection of this file knows", slot, p.Database()),
			Remedy: a.typed("humpty status", p.Name) + " shows what there is",
		}
	}
	return needless, nil
}

// dropCaptures drops them, and forgets the runs.
func (a *app) dropCaptures(ctx context.Context, c *config.Config, p config.Projection, chosen []sinks.Generation, needless []capture) error {
	for _, one := range needless {
		source, err := database(c, p)
		if err == nil {
			err = source.Drop(ctx, one.Name)
		}
		if err != nil {
			return err
		}
		a.printf("%s: dropped %s on source %s\n", p.Name, one.Name, p.Database())
	}
	if !p.Live && len(needless) == 0 {
		return nil
	}
	state, err := a.state(c)
	if err != nil {
		return err
	}
	var runs []string
	for _, g := range chosen {
		runs = append(runs, g.Meta.Run)
	}
	for _, one := range needless {
		runs = append(runs, one.Run)
	}
	for _, run := range runs {
		if run == "" || !state.Has(p.Name, run) {
			continue
		}
		if err := state.Forget(p.Name, run); err != nil {
			return err
		}
	}
	return nil
}
