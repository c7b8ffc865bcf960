package runs

import (
	"context"
	"fmt"
	"slices"

	"humpty/internal/assemble"
	"humpty/internal/config"
	"humpty/internal/problem"
	"humpty/internal/ui"
	"humpty/projector"
	"humpty/projector/checkpoint"
	"humpty/sinks"
	"humpty/sources/postgres"
)

// Capture is what a live run holds on a database, and who needs it.
type Capture struct {
	postgres.Capture
	Run   string `json:"run,omitempty"` // whose it is
	State string `json:"state"`         // running | followed | fed | stopped | dead | unknown
	Fed   *Fed   `json:"fed,omitempty"` // what it is held for on purpose, though that does not serve
}

// The states of a capture: a process or the lease's owner uses it; humpty follow reads it; it does
// so for a generation that does not serve; humpty resume will; nothing will; no projection of the file knows it.
const (
	CaptureRunning  = "running"
	CaptureFollowed = "followed"
	CaptureFed      = "fed"
	CaptureStopped  = "stopped"
	CaptureDead     = "dead"
	CaptureUnknown  = "unknown"
)

func (c Capture) String() string {
	what := "slot and publication " + c.Name
	switch {
	case !c.Slot:
		what = "publication " + c.Name
	case !c.Publication:
		what = "slot " + c.Name
	}
	text := fmt.Sprintf("%s, for which the database holds %s of log", what, ui.Bytes(c.Held))
	switch c.State {
	case CaptureRunning:
		return text + ": in use"
	case CaptureFollowed:
		return text + ": humpty follow goes on with it"
	case CaptureFed:
		return text + ": held for " + c.Fed.Generation + ", which is fed " + c.Fed.Term() + ": humpty rollback to it is instant"
	case CaptureStopped:
		return text + ": run " + c.Run + " was stopped"
	case CaptureDead:
		return text + ": left by run " + c.Run + ", which is over as far as this state folder knows"
	}
	return text + ": no projection of this file knows it"
}

// Captures are what live runs hold on the databases of a configuration.
type Captures struct{ leftovers *Leftovers }

// NewCaptures makes the Captures that belong to Leftovers.
func NewCaptures(l *Leftovers) *Captures { return &Captures{l} }

// Remedy is what to type about one that is not in use.
func (c *Captures) Remedy(one Capture, p string) string {
	switch one.State {
	case CaptureStopped:
		return c.leftovers.CommandLine("humpty resume", one.Run) + " goes on with the run; " + c.leftovers.CommandLine("humpty prune", p, "--stopped") + " gives it up"
	case CaptureDead:
		return c.leftovers.CommandLine("humpty prune", p) + " drops it"
	case CaptureUnknown:
		return "if nothing elsewhere needs it: " + c.leftovers.CommandLine("humpty prune", p, "--slot", one.Name)
	case CaptureFed:
		return "to give that up earlier: write keep.feed_previous: false, start humpty follow again, then " + c.leftovers.CommandLine("humpty prune", p)
	case CaptureFollowed:
		return "keep humpty follow running: until then the log grows"
	}
	return ""
}

// database is one of the tables of a projection, whichever: what captures hold is the same
// for all. Nil if it reads topics alone.
func (c *Captures) database(p config.Projection) (*postgres.Source, error) {
	source, err := assemble.Source(c.leftovers.config, p)
	if err != nil {
		return nil, err
	}
	if all := assemble.Databases(source); len(all) > 0 {
		return all[0], nil
	}
	return nil, nil
}

// Of are those on the database of a projection that are its own, or of no projection.
func (c *Captures) Of(ctx context.Context, p config.Projection) ([]Capture, error) {
	source, err := c.database(p)
	if err != nil || source == nil {
		return nil, err
	}
	there, err := source.Captures(ctx)
	if err != nil || len(there) == 0 {
		return nil, err
	}
	var all []Capture
	owners := map[string]bool{}
	for _, q := range c.leftovers.config.Projections {
		if q.Database() != p.Database() {
			continue
		}
		i, err := c.inventory(ctx, q)
		if err != nil {
			return nil, err
		}
		for _, t := range there {
			run, state := i.state(t)
			owners[t.Name] = owners[t.Name] || run != ""
			if run != "" && q.Name == p.Name {
				one := Capture{Capture: t, Run: run, State: state}
				if state == CaptureFed {
					one.Fed = i.fed
				}
				all = append(all, one)
			}
		}
	}
	for _, t := range there {
		if owners[t.Name] {
			continue
		}
		state := CaptureUnknown
		if t.Active {
			state = CaptureRunning
		}
		all = append(all, Capture{Capture: t, State: state})
	}
	return all, nil
}

// Read reports whether a process reads the captures of a run now, here or elsewhere.
func (c *Captures) Read(ctx context.Context, p config.Projection, run string) (bool, error) {
	if state, err := c.leftovers.State(); err == nil && state.Has(p.Name, run) {
		if idle, err := Idle(state, p.Name, run); err != nil || !idle {
			return !idle, err
		}
	}
	source, err := c.database(p)
	if err != nil || source == nil {
		return false, err
	}
	all, err := source.Captures(ctx)
	return slices.ContainsFunc(all, func(one postgres.Capture) bool { return one.Active && one.Of(run) }), err
}

// runInventory is what is known of a projection's runs.
type runInventory struct {
	projection config.Projection
	survey     sinks.Survey
	running    string   // the run that holds the lease
	runs       []string // in the state folder
	stopped    []checkpoint.Run
	fed        *Fed // though another one serves
}

func (c *Captures) inventory(ctx context.Context, p config.Projection) (i runInventory, err error) {
	i.projection = p
	m, err := assemble.Admin(ctx, c.leftovers.config, p, "status")
	if err != nil {
		return i, err
	}
	survey, lease, err := m.Status(ctx)
	if err != nil {
		return i, err
	}
	i.survey = survey
	if lease != nil && lease.Held {
		i.running = lease.Lease.Owner.Run
	}
	state, err := c.leftovers.State()
	if err != nil {
		return i, err
	}
	if i.runs, err = state.Runs(p.Name); err != nil {
		return i, err
	}
	if i.stopped, err = state.Resumable(p.Name); err != nil {
		return i, err
	}
	i.fed, err = c.leftovers.Fed(p, survey)
	return i, err
}

// state finds the run of a capture, and says who needs it; no run if it is another's.
func (i runInventory) state(captured postgres.Capture) (run, state string) {
	runs := append(slices.Clone(i.runs), i.running)
	for _, g := range i.survey.Generations {
		runs = append(runs, g.Meta.Run)
	}
	at := slices.IndexFunc(runs, func(run string) bool { return run != "" && captured.Of(run) })
	if at < 0 {
		return "", ""
	}
	run = runs[at]
	live, _ := i.survey.Find(i.survey.Live())
	follows := i.projection.Live && i.projection.Writer == string(projector.WriterFollow) && !captured.Lost
	switch {
	case !captured.Lost && i.feeds(run):
		return run, CaptureFed
	case captured.Active, run == i.running:
		return run, CaptureRunning
	case follows && live.Meta.Run == run:
		return run, CaptureFollowed
	case slices.ContainsFunc(i.stopped, func(b checkpoint.Run) bool { return b.Run == run }):
		return run, CaptureStopped
	}
	return run, CaptureDead
}

// Droppable are the captures that go with the chosen generations, those of runs that are
// over, and one that is named; stopped: those of runs that could be resumed, too.
func (c *Captures) Droppable(ctx context.Context, p config.Projection, chosen []sinks.Generation, slot string, stopped bool) ([]Capture, error) {
	all, err := c.Of(ctx, p)
	if err != nil {
		if slot != "" {
			return nil, err
		}
		c.leftovers.Warn("slots and publications of dead runs are not looked for: " + err.Error())
	}
	named := slot == ""
	droppable := slices.DeleteFunc(all, func(one Capture) bool {
		if one.Name == slot && one.State == CaptureUnknown {
			named = true
			return false
		}
		doomed := slices.ContainsFunc(chosen, func(g sinks.Generation) bool { return g.Meta.Run == one.Run })
		switch one.State {
		case CaptureDead:
			return false
		case CaptureStopped:
			return !stopped && !doomed
		case CaptureFollowed, CaptureFed:
			return !doomed
		}
		return true
	})
	if !named {
		return nil, &problem.Refusal{
			Why:    fmt.Sprintf("%s is no slot on source %s that nobody reads and no projection of this file knows", slot, p.Database()),
			Remedy: c.leftovers.CommandLine("humpty status", p.Name) + " shows what there is",
		}
	}
	return droppable, nil
}

// Drop drops them, and forgets the runs.
func (c *Captures) Drop(ctx context.Context, p config.Projection, chosen []sinks.Generation, droppable []Capture) error {
	for _, one := range droppable {
		source, err := c.database(p)
		if err == nil {
			err = source.Drop(ctx, one.Name)
		}
		if err != nil {
			return err
		}
		c.leftovers.Printf("%s: dropped %s on source %s\n", p.Name, one.Name, p.Database())
	}
	if !p.Live && len(droppable) == 0 {
		return nil
	}
	state, err := c.leftovers.State()
	if err != nil {
		return err
	}
	var runs []string
	for _, g := range chosen {
		runs = append(runs, g.Meta.Run)
	}
	for _, one := range droppable {
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
