package runs

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"humpty/internal/config"
	"humpty/projector/checkpoint"
	"humpty/sinks"
)

// Tidy drops what a projection holds on its source, and in the state folder, for runs that are
// over: those whose generation was retired and is not fed, and those that ended here. It is
// called when an alias was swapped, and before a run needs a slot of its own. What remains is
// named. None of it is a reason for a command to fail.
func (c *Captures) Tidy(ctx context.Context, p config.Projection) {
	if !p.Live {
		return
	}
	if err := c.tidy(ctx, p); err != nil {
		c.leftovers.Warn(fmt.Sprintf("%s: what runs that are over hold on the source was not dropped: %v", p.Name, err))
	}
}

func (c *Captures) tidy(ctx context.Context, p config.Projection) error {
	i, err := c.inventory(ctx, p)
	if err != nil {
		return err
	}
	all, err := c.Of(ctx, p)
	if err != nil {
		return err
	}
	source, err := c.database(p)
	if err != nil {
		return err
	}
	if i.fed != nil && i.fed.NotFed != "" {
		c.leftovers.Warn(fmt.Sprintf("%s: %s, which served before, is not fed: %s", p.Name, i.fed.Generation, i.fed.NotFed))
	}
	kept := map[string]bool{} // runs that something on the source still belongs to
	for _, one := range all {
		if one.State != CaptureDead || !i.over(one.Run) {
			kept[one.Run] = true
			continue
		}
		if err := source.Drop(ctx, one.Name); err != nil {
			return err
		}
		c.leftovers.Printf("%s: dropped %s on source %s, which nothing needs any more\n", p.Name, one.Name, p.Database())
	}
	state, err := c.leftovers.State()
	if err != nil {
		return err
	}
	for _, run := range i.runs {
		if kept[run] || !i.over(run) {
			continue
		}
		if idle, err := Idle(state, p.Name, run); err != nil || !idle {
			continue // a process has it
		}
		if err := state.Forget(p.Name, run); err != nil {
			return err
		}
	}
	return nil
}

// over reports whether a run is over: its generation was retired and is not fed, or
// it is known here, cannot be resumed, and made nothing that serves.
func (i runInventory) over(run string) bool {
	live, _ := i.survey.Find(i.survey.Live())
	stopped := slices.ContainsFunc(i.stopped, func(b checkpoint.Run) bool { return b.Run == run })
	if run == i.running || live.Meta.Run == run || i.feeds(run) || stopped {
		return false
	}
	at := slices.IndexFunc(i.survey.Generations, func(g sinks.Generation) bool { return g.Meta.Run == run })
	known := slices.Contains(i.runs, run)
	if at < 0 {
		return known
	}
	state := i.survey.Generations[at].Meta.State
	return state == sinks.Retired || state == sinks.Failed && known
}

// Name warns of what is left on the source of a projection that nobody uses, with what to type.
func (c *Captures) Name(ctx context.Context, p config.Projection) {
	if !p.Live {
		return
	}
	all, err := c.Of(ctx, p)
	if err != nil {
		c.leftovers.Warn(p.Name + ": what live runs hold on the source cannot be said: " + err.Error())
	}
	for _, one := range all {
		switch one.State {
		case CaptureStopped, CaptureDead, CaptureUnknown, CaptureFed:
			c.leftovers.Warn(strings.TrimSuffix(p.Name+": "+one.String()+"; "+c.Remedy(one, p.Name), "; "))
		}
	}
}
