// Package runs is what earlier processes left of the runs of a configuration: runs that were
// stopped, generations that are partial, captures on the source, the list of a rebuild of all,
// and the log of each live run.
package runs

import (
	"context"
	"errors"
	"fmt"
	"time"

	"humpty/cmd/humpty/internal/console"
	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/projector/generation"
	"humpty/sinks"
)

// Leftovers finds what earlier processes left of the runs of a configuration: live ones in the
// state folder, those of a snapshot by the generation that they left partial in the target.
type Leftovers struct {
	*console.Console

	config  *config.Config
	state   assemble.State
	noState error
}

// NewLeftovers makes the Leftovers of a configuration. noState is why it has no state folder,
// which concerns live projections only.
func NewLeftovers(c *console.Console, conf *config.Config, state assemble.State, noState error) *Leftovers {
	return &Leftovers{Console: c, config: conf, state: state, noState: noState}
}

// With is the same for one of several runs, which has a console of its own.
func (l *Leftovers) With(c *console.Console) *Leftovers {
	other := *l
	other.Console = c
	return &other
}

// State is the folder of what live runs must not forget.
func (l *Leftovers) State() (assemble.State, error) { return l.state, l.noState }

// Heal puts right what a dead run has left in what the alias serves, and says so, or says why
// not. It is no reason for a command to end: what does not answer now says so there.
func (l *Leftovers) Heal(ctx context.Context, p config.Projection) {
	m, err := assemble.Admin(ctx, l.config, p, "mend")
	if err != nil {
		return
	}
	done, err := m.Heal(ctx)
	var refusal *problem.Refusal
	if errors.As(err, &refusal) {
		l.Warn(p.Name + ": " + l.Message(err))
	}
	for _, what := range done {
		l.Warn(p.Name + ": " + what + ", which is over: that was put right")
	}
}

// Followed reports whether a process here has the marks of what serves: humpty follow.
func (l *Leftovers) Followed(p config.Projection, survey sinks.Survey) bool {
	live, ok := survey.Find(survey.Live())
	if !ok || !p.Live || p.Writer != string(projector.WriterFollow) {
		return false
	}
	state, err := l.State()
	if err != nil || !state.Has(p.Name, live.Meta.Run) {
		return false
	}
	idle, err := Idle(state, p.Name, live.Meta.Run)
	return err == nil && !idle
}

// ForeignPaths are the files and folders among the runs of a projection that are none.
func (l *Leftovers) ForeignPaths(p config.Projection) []assemble.ForeignPath {
	if !p.Live || l.noState != nil {
		return nil
	}
	foreign, err := l.state.Foreign(p.Name)
	if err != nil {
		l.Warn(p.Name + ": " + err.Error())
	}
	return foreign
}

// Refused is what the live projector could not write to what serves, as far as the state
// folder here knows; nil for nothing.
func (l *Leftovers) Refused(p config.Projection, survey sinks.Survey) (*checkpoint.Refused, error) {
	live, ok := survey.Find(survey.Live())
	if !ok || !p.Live {
		return nil, nil
	}
	if l.noState != nil {
		return nil, l.noState
	}
	return l.state.Refused(p.Name, live.Meta.Run)
}

// Active finds the newest run that a process is at work on.
func (l *Leftovers) Active(projections []config.Projection) (config.Projection, string, error) {
	var of config.Projection
	newest := ""
	for _, p := range projections {
		runs, err := l.state.Runs(p.Name)
		if err != nil {
			return of, "", err
		}
		for _, run := range runs {
			idle, err := Idle(l.state, p.Name, run)
			if err != nil {
				return of, "", err
			}
			if !idle && run > newest { // ids begin with the time
				of, newest = p, run
			}
		}
	}
	if newest == "" {
		return of, "", &problem.Refusal{
			Why:    fmt.Sprintf("no process works on a live run of the state folder %s now", l.state.Dir),
			Remedy: "humpty status shows what there is; --state DIR names another folder",
		}
	}
	return of, newest, nil
}

// Idle reports whether no process is at work on a run.
func Idle(state assemble.State, projection, run string) (bool, error) {
	store, err := state.Look(projection, run)
	if err != nil {
		return !state.Has(projection, run), nil //nolint:nilerr // a run that is there and cannot be opened is locked by its process
	}
	return true, store.Close()
}

// Fed is the one of a projection, as far as target and state folder know; nil for none.
func (l *Leftovers) Fed(p config.Projection, survey sinks.Survey) (*Fed, error) {
	if !p.Live || p.Writer != string(projector.WriterFollow) {
		return nil, nil
	}
	found, until, ok := generation.FeedFor(p.FeedPrevious).At(survey, time.Now())
	if !ok {
		return nil, nil
	}
	fed := &Fed{Generation: found.Name, Run: found.Meta.Run, Until: until, Stored: found.Meta.Definition != p.Hash}
	state, err := l.State()
	if err != nil || !state.Has(p.Name, fed.Run) {
		return fed, err // what is not known here may be fed elsewhere
	}
	var refusal *problem.Refusal
	if _, err := state.Stored(l.config, p, found); errors.As(err, &refusal) {
		fed.NotFed = refusal.Why
		return fed, nil
	} else if err != nil {
		return fed, err
	}
	said, err := state.Feeding(p.Name, fed.Run)
	if err != nil || said == nil || said.Generation != fed.Generation {
		return fed, err
	}
	fed.Trouble, fed.Told = said.Trouble, said.At
	if said.Lost {
		fed.NotFed = said.Trouble
	}
	return fed, nil
}
